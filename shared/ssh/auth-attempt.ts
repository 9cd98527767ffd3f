import type { AuthContext, KeyboardAuthContext, PublicKeyAuthContext } from 'ssh2';
import {
  isCertificateType,
  parseUserCertificate,
  signatureAlgorithmFor,
  type UserCertificate,
} from './certificate.ts';
import { fingerprintOf } from './keys.ts';
import {
  type SignatureFacts,
  type UserSignature,
  verifyUserSignature,
  verifyWholeSignature,
} from './user-key.ts';
import { WireReader } from './wire.ts';

/** A key that a client offers. */
export interface OfferedKey extends SignatureFacts {
  /** Type as it stands in the key itself; of a certificate, that of the key in it. */
  readonly type: string;
  /** The plain public key, also when a certificate was offered. */
  readonly blob: Buffer;
  /** `SHA256:…` of `blob`. */
  readonly fingerprint: string;
  /** The certificate that the key came in. Nobody has judged it: whoever signs has proven the key, and no more. */
  readonly certificate?: UserCertificate;
  /** False: the client only asks whether the key would do. True: it has signed, and the signature is valid. */
  readonly signed: boolean;
}

/** One try of a client to authenticate. Exactly one of `accept` and `reject` counts, the first. */
export interface SshAuthAttempt {
  readonly username: string;
  readonly method: 'none' | 'publickey' | 'keyboard-interactive' | 'password' | string;
  /** For `publickey`. */
  readonly key?: OfferedKey;
  /** Lets the client in; for a key that is only offered, asks it to sign. */
  accept(): void;
  /** Refuses. `methodsLeft`: what the client may try next; `partial`: this step was right, another one is needed. */
  reject(methodsLeft?: readonly string[], partial?: boolean): void;
  /** For `keyboard-interactive`: asks one question. Undefined when the client gave up, or is gone. */
  prompt(text: string, echo: boolean): Promise<string | undefined>;
}

/** What became of an attempt, for whoever counts them. */
export type AuthDecision = 'accepted' | 'asked to sign' | 'partial' | 'rejected';

/** Longest answer to a prompt that is looked at. */
const MAX_ANSWER_CHARACTERS = 1024;

const HARDWARE_TRAILER_BYTES = 5;

/**
 * Wraps what ssh2 hands over, with the traps out of the way. Undefined when the attempt can't count whatever is
 * decided: a malformed key, an unsound algorithm, a wrong signature.
 */
export function readAttempt(
  context: AuthContext,
  options: {
    signal: AbortSignal;
    methods: readonly string[];
    certificates: boolean;
    onDecision(decision: AuthDecision): void;
  },
): SshAuthAttempt | undefined {
  const key = context.method === 'publickey' ? readKey(context, options.certificates) : undefined;
  if (context.method === 'publickey' && key === undefined) return undefined;
  let decided = false;
  const decide = (decision: AuthDecision, act: () => void): void => {
    if (decided || options.signal.aborted) return;
    decided = true;
    act();
    options.onDecision(decision);
  };
  return {
    username: context.username,
    method: context.method,
    ...(key === undefined ? {} : { key }),
    accept() {
      const isProbe = key !== undefined && !key.signed;
      decide(isProbe ? 'asked to sign' : 'accepted', () => {
        // The answer to a probe has to name the algorithm that was asked for, or dropbear signs with SHA-1.
        if (isProbe && context.method === 'publickey') context.key.algo = algorithmOf(context);
        context.accept();
      });
    },
    reject(methodsLeft = options.methods, partial = false) {
      const names = methodsLeft.filter(isMethod);
      decide(partial ? 'partial' : 'rejected', () => context.reject(names, partial));
    },
    prompt(text, echo) {
      if (context.method !== 'keyboard-interactive') return Promise.resolve(undefined);
      return ask(context, text, echo, options.signal);
    },
  };
}

type Method = AuthContext['method'];

function isMethod(name: string): name is Method {
  return ['publickey', 'keyboard-interactive', 'password', 'hostbased', 'none'].includes(name);
}

function ask(
  context: KeyboardAuthContext,
  text: string,
  echo: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    // ssh2 drops the callback when the connection ends, and answers a client's change of mind only with an event.
    const giveUp = (): void => resolve(undefined);
    signal.addEventListener('abort', giveUp, { once: true });
    context.once('abort', giveUp);
    // Title and instruction stay empty: dbclient glues them to the prompt.
    context.prompt([{ prompt: text, echo }], '', '', (answers: unknown) => {
      signal.removeEventListener('abort', giveUp);
      const answer: unknown = Array.isArray(answers) ? answers[0] : undefined;
      resolve(typeof answer === 'string' ? answer.slice(0, MAX_ANSWER_CHARACTERS) : undefined);
    });
  });
}

function readKey(context: PublicKeyAuthContext, certificates: boolean): OfferedKey | undefined {
  const blob = context.key.data;
  const algorithm = algorithmOf(context);
  let type: string;
  try {
    type = new WireReader(blob).text();
  } catch {
    return undefined;
  }
  if (isCertificateType(algorithm)) return certificates ? readCertified(context) : undefined;
  if (algorithm === 'ssh-rsa' || algorithm === 'ssh-dss') return undefined;
  const wanted = algorithm.startsWith('rsa-sha2-') ? 'ssh-rsa' : algorithm;
  if (type !== wanted) return undefined;
  const offered = { type, blob, fingerprint: fingerprintOf(blob) };
  if (context.signature === undefined || context.blob === undefined)
    return { ...offered, signed: false, userPresent: false, userVerified: false };
  const facts = verifyUserSignature(blob, splitSignature(type, algorithm, context.signature, context.blob));
  return facts === undefined ? undefined : { ...offered, ...facts, signed: true };
}

/** ssh2 knows no certificates, and so hands over the whole signature as it came. */
function readCertified(context: PublicKeyAuthContext): OfferedKey | undefined {
  let certificate: UserCertificate;
  try {
    certificate = parseUserCertificate(context.key.data);
  } catch {
    return undefined;
  }
  const algorithm = signatureAlgorithmFor(certificate.type, context.key.algo);
  if (algorithm === undefined) return undefined;
  const { keyType: type, keyBlob: blob, keyFingerprint: fingerprint } = certificate;
  const offered = { type, blob, fingerprint, certificate };
  if (context.signature === undefined || context.blob === undefined)
    return { ...offered, signed: false, userPresent: false, userVerified: false };
  const facts = verifyWholeSignature(blob, context.signature, context.blob, algorithm);
  return facts === undefined ? undefined : { ...offered, ...facts, signed: true };
}

function splitSignature(type: string, algorithm: string, signature: Buffer, signed: Buffer): UserSignature {
  if (!type.startsWith('sk-') || signature.length < HARDWARE_TRAILER_BYTES)
    return { algorithm, signature, ecdsa: 'der', trailer: Buffer.alloc(0), signed };
  const end = signature.length - HARDWARE_TRAILER_BYTES;
  return {
    ...{ algorithm, signature: signature.subarray(0, end), ecdsa: 'der' },
    ...{ trailer: signature.subarray(end), signed },
  };
}

/** The algorithm that the client named: ssh2 replaces it by the key's type and keeps the hash apart. */
function algorithmOf(context: PublicKeyAuthContext): string {
  if (context.hashAlgo === 'sha256') return 'rsa-sha2-256';
  if (context.hashAlgo === 'sha512') return 'rsa-sha2-512';
  return context.key.algo;
}
