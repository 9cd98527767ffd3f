/** A security key or passkey (WebAuthn credential) that an operator has registered. */
export interface SecurityKey {
  /** Base64url. */
  readonly credentialId: string;
  readonly username: string;
  /** What the operator calls it; one per operator. */
  readonly name: string;
  /** COSE public key, base64url. */
  readonly publicKey: string;
  /** The authenticator's signature counter at its last use; 0 when it has none. */
  readonly counter: number;
  /** False for a passkey that its platform may copy to other devices. */
  readonly deviceBound: boolean;
  readonly transports: readonly string[];
  readonly addedAtMs: number;
  readonly lastUsedAtMs?: number;
}

/** Recovery codes, security keys, and the links with which factors are set up. */
export interface FactorStore {
  /** Replaces all recovery codes of the user by these hashes. */
  replaceRecoveryCodes(username: string, hashes: readonly string[]): Promise<void>;
  /** True for exactly one caller per code. */
  spendRecoveryCode(username: string, hash: string, nowMs: number): Promise<boolean>;
  /** How many codes each user has left; users without one are not in it. */
  countRecoveryCodes(): Promise<ReadonlyMap<string, number>>;

  addRegistrationLink(link: {
    readonly hash: string;
    readonly username: string;
    readonly expiresAtMs: number;
  }): Promise<void>;
  /** Whose link it is, while it is neither spent nor expired. */
  findRegistrationLink(hash: string, nowMs: number): Promise<string | undefined>;
  /**
   * Spends the link and adds the key in one step. `spent` when the link was used or expired meanwhile, `known` when
   * the credential or the name is there already; then nothing has changed.
   */
  registerSecurityKey(
    hash: string,
    key: SecurityKey,
    nowMs: number,
  ): Promise<'registered' | 'spent' | 'known'>;
  /**
   * Spends the link, and puts the authenticator and recovery codes in the place of the user's. Logins end, security keys
   * stay. False when the link was used or expired meanwhile; then nothing has changed.
   */
  replaceAuthenticator(
    hash: string,
    made: {
      readonly username: string;
      readonly totpSecret: string;
      /** The time step of the code that was typed. */
      readonly spentStep: number;
      readonly recoveryHashes: readonly string[];
    },
    nowMs: number,
  ): Promise<boolean>;
  findSecurityKey(credentialId: string): Promise<SecurityKey | undefined>;
  listSecurityKeys(username?: string): Promise<readonly SecurityKey[]>;
  /**
   * Keeps the counter of a use. False when another use has brought the counter there or beyond meanwhile, or the key
   * was removed: then this use does not count.
   */
  useSecurityKey(credentialId: string, before: number, counter: number, nowMs: number): Promise<boolean>;
  /** False when the user has no key of this name. */
  removeSecurityKey(username: string, name: string): Promise<boolean>;
}
