import type { TextChunk } from './index-format.ts';

/** A chunk of text is closed when it has so many UTF-16 code units. */
export const CHUNK_LIMIT = 16 * 1024;

/**
 * Gathers the lines that were on the screen into chunks. A line that is seen again and again stands once in a chunk:
 * full-screen programs draw the same lines many times.
 */
export class ScreenText {
  readonly #chunks: TextChunk[] = [];
  #lines = new Map<string, number>();
  #size = 0;
  #startS = 0;

  add(timeS: number, text: string): void {
    if (this.#lines.has(text)) return;
    if (this.#lines.size === 0) this.#startS = timeS;
    this.#lines.set(text, timeS);
    this.#size += text.length;
    if (this.#size >= CHUNK_LIMIT) this.#close();
  }

  /** All chunks since the last call. */
  take(): readonly TextChunk[] {
    this.#close();
    return this.#chunks.splice(0);
  }

  #close(): void {
    if (this.#lines.size === 0) return;
    this.#chunks.push({
      startS: this.#startS,
      lines: [...this.#lines].map(([text, timeS]) => [timeS, text]),
    });
    this.#lines = new Map();
    this.#size = 0;
  }
}
