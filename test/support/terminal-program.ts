import { type IPty, spawn } from '@lydell/node-pty';
import { waitFor } from './wait-for.ts';

/** A program in a real terminal, driven as somebody at the keyboard would. */
export class TerminalProgram {
  readonly #pty: IPty;
  #output = '';
  #exitCode: number | undefined;

  private constructor(pty: IPty) {
    this.#pty = pty;
    pty.onData((text) => {
      this.#output += text;
    });
    pty.onExit(({ exitCode }) => {
      this.#exitCode = exitCode;
    });
  }

  static start(
    program: string,
    args: readonly string[],
    size: { readonly cols: number; readonly rows: number } = { cols: 80, rows: 24 },
  ): TerminalProgram {
    return new TerminalProgram(
      spawn(program, [...args], { name: 'xterm-256color', ...size, env: { ...process.env } }),
    );
  }

  /** All that it has shown so far. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#pty.pid;
  }

  type(text: string): void {
    this.#pty.write(text);
  }

  resize(cols: number, rows: number): void {
    this.#pty.resize(cols, rows);
  }

  /** Waits until it shows `text`. */
  async shows(text: string | RegExp, timeoutMs = 15_000): Promise<void> {
    const isThere = (): boolean =>
      typeof text === 'string' ? this.#output.includes(text) : text.test(this.#output);
    try {
      await waitFor(isThere, { timeoutMs });
    } catch {
      throw new Error(
        `${text} was not shown in ${timeoutMs} ms, but ${JSON.stringify(this.#output.slice(-1000))}`,
      );
    }
  }

  /** Gives a shell a prompt that can be told from everything else, and waits for it. */
  async atPrompt(): Promise<void> {
    // Written in two pieces, so that the echo of this line is not taken for the prompt.
    this.type("PS1='rea''dy> '\n");
    await this.shows('ready> ');
  }

  /** Waits for its end and gives its exit code. */
  async exit(timeoutMs = 15_000): Promise<number> {
    await waitFor(() => this.#exitCode !== undefined, { what: 'the program to end', timeoutMs });
    return this.#exitCode ?? -1;
  }

  kill(): void {
    if (this.#exitCode === undefined) this.#pty.kill('SIGKILL');
  }
}
