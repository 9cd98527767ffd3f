/** A command is kept up to so many UTF-16 code units. */
export const COMMAND_LIMIT = 1000;

/** Commands of one segment. */
export const COMMANDS_LIMIT = 1000;

/** A prompt is at most so many UTF-16 code units. */
const PROMPT_LIMIT = 120;

/** What a shell's prompt ends in, with a space behind it. */
const PROMPT_ENDS = new Set(['$', '#', '%', '>', '❯']);

/** A progress bar that waits, not the prompt of a shell. */
const PERCENTAGE = /(?:^|\s)[\d.]+% $/;

/** In a line that has been typed into already, the shortest beginning that may be its prompt. */
const BEGUN = /^.{0,118}?[$#%>❯] /u;

/** Prompts that were seen, to know them again when keys were faster than the shell; and what is too short for that. */
const KNOWN_LIMIT = 16;
const KNOWN_MIN = 4;

/** After a line so many pieces of output are looked at for the line drawn anew, as shells do below a list of completions. */
const REDRAW_LOOKS = 64;

/** A time in seconds, and what was typed. */
export type TypedCommand = readonly [timeS: number, text: string];

/** The screen, as far as this needs it. */
export interface CursorView {
  /** Whether a program has taken the whole screen: what is typed there is no command. */
  readonly isFullScreen: boolean;
  /** The two cells before the cursor. */
  readonly beforeCursor: string;
  /** The line that the cursor is in: what stands before it and, without spaces at its end, behind it. */
  cursorLine(): { readonly before: string; readonly behind: string };
}

/** A prompt that waits for keys, with what stands at the right of it. */
interface Prompt {
  readonly text: string;
  readonly behind: string;
}

/**
 * Reads the commands that were typed off the screen: a line that began with a prompt at which output paused (or that the
 * shell has marked by OSC 133 or 633), as it stood when the cursor left it. An aid for people who look for something, and no
 * evidence: what is not echoed, pasted into a full-screen program, or run by a script is not there, and whoever types can
 * make a line look like anything.
 */
export class TypedCommands {
  readonly #view: CursorView;
  #commands: TypedCommand[] = [];
  #waiting: Prompt | undefined;
  readonly #known = new Set<string>();
  /** The last command, while it may turn out that only completions were listed. */
  #last: { readonly prompt: Prompt; readonly line: string; looks: number } | undefined;

  constructor(view: CursorView) {
    this.#view = view;
  }

  /** The screen is that of a recording in the middle. */
  resumed(): void {
    if (this.#view.isFullScreen) return;
    const { before, behind } = this.#view.cursorLine();
    const [text] = BEGUN.exec(before) ?? [];
    if (text !== undefined && !PERCENTAGE.test(text)) this.#waiting = { text, behind };
  }

  /** A piece of output has been drawn: here a program may wait for keys. */
  paused(): void {
    if (this.#view.isFullScreen) return;
    this.#lookForRedraw();
    const cells = this.#view.beforeCursor;
    if (!cells.endsWith(' ') || !PROMPT_ENDS.has(cells.slice(0, 1))) return;
    const { before, behind } = this.#view.cursorLine();
    if (before.length > PROMPT_LIMIT || PERCENTAGE.test(before)) return;
    // Typed behind the prompt, and looking like one.
    if (this.#waiting !== undefined && before.startsWith(this.#waiting.text)) return;
    this.#await({ text: before, behind });
  }

  /** The shell says that its prompt ends at the cursor. */
  marked(): void {
    const { before, behind } = this.#view.cursorLine();
    this.#await({ text: before, behind });
  }

  /** The cursor has left this line. */
  lineDone(timeS: number, line: string): void {
    const prompt = this.#promptOf(line);
    this.#waiting = undefined;
    if (prompt === undefined) return;
    const typed = withoutEnd(line.slice(prompt.text.length), prompt.behind).trim();
    if (typed === '' || typed === '^C') return;
    if (this.#commands.length >= COMMANDS_LIMIT) return;
    this.#commands.push([timeS, shortened(typed)]);
    this.#last = { prompt, line, looks: 0 };
  }

  /** All commands since the last call. */
  take(): readonly TypedCommand[] {
    const taken = this.#commands;
    this.#commands = [];
    this.#last = undefined;
    return taken;
  }

  #await(prompt: Prompt): void {
    this.#waiting = prompt;
    this.#last = undefined;
    if (prompt.text.length < KNOWN_MIN) return;
    this.#known.delete(prompt.text);
    this.#known.add(prompt.text);
    for (const oldest of this.#known) {
      if (this.#known.size <= KNOWN_LIMIT) break;
      this.#known.delete(oldest);
    }
  }

  #promptOf(line: string): Prompt | undefined {
    const waiting = this.#waiting;
    if (waiting !== undefined && line.startsWith(waiting.text)) return waiting;
    if (this.#view.isFullScreen) return undefined;
    for (const text of this.#known) if (line.startsWith(text)) return { text, behind: '' };
    return undefined;
  }

  #lookForRedraw(): void {
    const last = this.#last;
    if (last === undefined) return;
    last.looks += 1;
    if (this.#view.cursorLine().before.trimEnd() === last.line) {
      this.#commands.pop();
      this.#waiting = last.prompt;
      this.#last = undefined;
    } else if (last.looks >= REDRAW_LOOKS) this.#last = undefined;
  }
}

function withoutEnd(text: string, end: string): string {
  return end !== '' && text.endsWith(end) ? text.slice(0, -end.length) : text;
}

function shortened(text: string): string {
  if (text.length <= COMMAND_LIMIT) return text;
  // Half of a character at the cut would be no text.
  return `${text.slice(0, COMMAND_LIMIT).replaceAll(/\p{Surrogate}/gu, '')}…`;
}
