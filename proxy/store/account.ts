/** A person of the vendor who may sign in. */
export interface Account {
  readonly username: string;
  readonly groups: readonly string[];
  /** PHC string with its parameters; see `accounts/password.ts`. */
  readonly passwordHash: string;
  /** Base32. */
  readonly totpSecret: string;
  readonly disabled: boolean;
  readonly createdAtMs: number;
  /**
   * Grows whenever everything that was signed in has to end (disabled, second factor reset). What was proven in an
   * earlier epoch counts for nothing: not a login that was still being made, nor a connection that stood idle.
   */
  readonly epoch: number;
}

/** An account that is about to be made; its first epoch is 0. */
export type NewAccount = Omit<Account, 'epoch'>;
