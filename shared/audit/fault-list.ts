/** Something that is not as it was when the log was written. */
export interface Fault {
  /** The event where it shows. */
  readonly seq?: number;
  /** In an archive: the file where it shows. */
  readonly file?: string;
  /** Where in that file, in bytes. */
  readonly offset?: number;
  readonly text: string;
}

/** More are counted and not listed. */
const LISTED_FAULTS = 50;

/** The faults of one verification, in the order in which they were found. */
export class FaultList {
  readonly #faults: Fault[] = [];
  #count = 0;

  /** Where faults are found that do not say so themselves. */
  at: (() => Pick<Fault, 'file' | 'offset'>) | undefined;

  add(fault: Fault): void {
    this.#count += 1;
    if (this.#faults.length < LISTED_FAULTS) {
      this.#faults.push(fault.file === undefined ? { ...this.at?.(), ...fault } : fault);
    }
  }

  get count(): number {
    return this.#count;
  }

  get first(): Fault | undefined {
    return this.#faults[0];
  }

  lines(): { ok: false; text: string }[] {
    const lines = this.#faults.map((fault) => ({
      ok: false as const,
      text: sentence(fault.text) + placeOf(fault),
    }));
    const unlisted = this.#count - this.#faults.length;
    return unlisted === 0 ? lines : [...lines, { ok: false, text: `There are ${unlisted} more faults.` }];
  }
}

function placeOf({ file, offset }: Fault): string {
  if (file === undefined) return '';
  return offset === undefined ? ` (${file})` : ` (${file}, byte ${offset})`;
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return capital.endsWith('.') ? capital : `${capital}.`;
}

/** `1 event`, `2 events`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
