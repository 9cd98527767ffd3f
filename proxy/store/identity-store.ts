import type { ProviderEvidence } from '../../shared/identity/claims.ts';
import type { NewAccount } from './account.ts';

/** A person as an identity provider knows them. */
export interface ProvidedSubject {
  readonly issuer: string;
  /** The provider's own name for the person, which never changes and is never given to another. */
  readonly subject: string;
}

/** Whom an account belongs to. */
export interface LinkedAccount extends ProvidedSubject {
  readonly username: string;
}

/** The identity provider's word behind a login. */
export interface LoginEvidence {
  readonly fingerprint: string;
  /** SHA-256 of what the ID token's signature is over, in base64url: a signature can be written in several ways. */
  readonly tokenHash: string;
  /** Undefined when the token does not commit to the login's key (device flow): then nobody else can check it. */
  readonly evidence?: ProviderEvidence;
  readonly expiresAtMs: number;
}

/** Who of the operators comes from an identity provider, and what it said. */
export interface IdentityStore {
  findAccountOf(subject: ProvidedSubject): Promise<LinkedAccount | undefined>;
  /** Makes an account that belongs to the subject, for good. False when the name or the subject has one already. */
  addLinkedAccount(account: NewAccount, subject: ProvidedSubject): Promise<boolean>;
  /** Whether the account belongs to a provider's subject. */
  isLinked(username: string): Promise<boolean>;
  /** Spends the token. False when it was spent before. */
  addEvidence(evidence: LoginEvidence): Promise<boolean>;
  findEvidence(fingerprint: string): Promise<ProviderEvidence | undefined>;
  /** Forgets the evidence of logins that expired before `beforeMs`. */
  forgetEvidence(beforeMs: number): Promise<void>;
}
