/** Options for a {@link DrawbridgeError}. */
export interface DrawbridgeErrorOptions {
  /** One sentence that says what the user can do about it. */
  readonly hint?: string;
  /** What made it fail; for the log, never shown to a peer. */
  readonly cause?: unknown;
}

/**
 * The base of every error that Drawbridge raises on purpose.
 *
 * `code` is stable and dotted (`config.invalid`, `tunnel.refused`): programs match on it, documents explain it.
 * `message` is one sentence for the user. Neither ever holds a secret.
 */
export class DrawbridgeError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: DrawbridgeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DrawbridgeError';
    this.code = code;
    this.hint = options.hint;
  }
}

/** True when `error` is a {@link DrawbridgeError}, with `code` if one is asked for. */
export function isDrawbridgeError(error: unknown, code?: string): error is DrawbridgeError {
  return error instanceof DrawbridgeError && (code === undefined || error.code === code);
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a system error (`ENOENT`, `EADDRINUSE`, …), if it is one. */
export function systemCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
