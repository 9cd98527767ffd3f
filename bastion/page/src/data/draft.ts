/** A text that somebody has begun to write. */
export interface Draft {
  readonly text: string;
  /** What it was begun from; a draft of an older version shows what has changed since. */
  readonly version: number;
}

interface StoredDraft extends Draft {
  readonly writer: string;
}

/** What is needed of a browser's `sessionStorage`. */
interface DraftStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const KEY = 'drawbridge.policy-draft';

/**
 * The policy that somebody is writing, kept in this tab while the sign-in ends, the page is loaded anew or another view
 * is looked at. It is gone with the tab, with signing out, and for anybody else who signs in here.
 */
export class PolicyDraft {
  readonly #storage: DraftStorage;

  constructor(storage: DraftStorage) {
    this.#storage = storage;
  }

  read(writer: string): Draft | undefined {
    const stored = parsed(this.#try(() => this.#storage.getItem(KEY)));
    return stored?.writer === writer ? { text: stored.text, version: stored.version } : undefined;
  }

  keep(writer: string, draft: Draft): void {
    const stored: StoredDraft = { writer, text: draft.text, version: draft.version };
    this.#try(() => this.#storage.setItem(KEY, JSON.stringify(stored)));
  }

  drop(): void {
    this.#try(() => this.#storage.removeItem(KEY));
  }

  /** A browser may refuse to keep anything; then there is no draft, as there would be none without this. */
  #try<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch {
      return undefined;
    }
  }
}

function parsed(text: string | null | undefined): StoredDraft | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return isStored(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isStored(value: unknown): value is StoredDraft {
  return (
    typeof value === 'object' &&
    value !== null &&
    'writer' in value &&
    'text' in value &&
    'version' in value &&
    typeof value.writer === 'string' &&
    typeof value.text === 'string' &&
    typeof value.version === 'number'
  );
}
