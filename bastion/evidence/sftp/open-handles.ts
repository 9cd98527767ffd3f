import type { OpenFile } from './open-file.ts';

/** Files and folders open at a time; OpenSSH's server has as many file descriptors. */
export const HANDLES_LIMIT = 1024;

/** What the server has given a handle for. */
export interface Opened {
  readonly file: OpenFile;
  readonly folder: boolean;
}

interface Entry extends Opened {
  /** The client has asked to close it: from then on the server may give the same handle to another file. */
  closing: boolean;
}

/** The handles that the client has, as the server gave them out, and what is behind them. */
export class OpenHandles {
  readonly #entries = new Map<string, Entry>();

  /** The server gives one out. False when it is in use, or one too many. */
  give(handle: string, { file, folder }: Opened): boolean {
    if (this.#entries.has(handle) || this.#entries.size >= HANDLES_LIMIT) return false;
    this.#entries.set(handle, { file, folder, closing: false });
    return true;
  }

  /** What the client means by a handle; nothing before it has that, and from when it gave it back. */
  find(handle: string): Opened | undefined {
    const entry = this.#entries.get(handle);
    return entry?.closing === true ? undefined : entry;
  }

  /** The client gives one back. */
  closeAsked(handle: string): void {
    const entry = this.#entries.get(handle);
    if (entry !== undefined) entry.closing = true;
  }

  /** The server has answered to that, and may give the handle out anew. Gives what was behind it. */
  closed(handle: string): Opened | undefined {
    const entry = this.#entries.get(handle);
    this.#entries.delete(handle);
    return entry;
  }

  /** All that is open, in the order in which it was opened. */
  all(): Iterable<Opened> {
    return this.#entries.values();
  }

  /** Nothing is open any more. */
  clear(): void {
    this.#entries.clear();
  }
}

/** What a handle, which may be any bytes, is known by here. */
export function handleKey(handle: Buffer): string {
  return handle.toString('latin1');
}
