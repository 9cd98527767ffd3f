import type { DrawbridgeError } from '../errors.ts';
import { CERTIFICATE_ALGORITHM } from './issue-certificate.ts';
import { MESSAGE } from './messages.ts';
import { SIGNING_ALGORITHM, type SigningKey } from './signing-key.ts';
import { protocolOf, unsupportedLibrary } from './ssh2-protocol.ts';
import { protocolFault, WireWriter } from './wire.ts';

/*
 * The client's half of RFC 4252, for public keys. ssh2's own names one algorithm for the key and for the signature,
 * which differ for a certificate; and it asks whether a key would do before it signs, which costs a round trip and
 * makes a host run its AuthorizedKeysCommand twice.
 */

/** What a client shows to be let in. */
export type Credential =
  | { readonly kind: 'key'; readonly key: SigningKey }
  | { readonly kind: 'certificate'; readonly key: SigningKey; readonly certificate: Buffer };

/** How it goes on. */
export interface SignInOutcome {
  /** The server has refused all of them. */
  refused(): void;
  /** What the server sends is not what was asked for. */
  fault(error: DrawbridgeError): void;
}

/** Signs in on a connection of ssh2's Client, which is to send nothing of its own for it. */
export class ClientSignIn {
  readonly #connection: object;
  readonly #username: string;
  readonly #outcome: SignInOutcome;
  #left: readonly Credential[] = [];
  #send: (payload: Buffer) => void = () => undefined;
  #offered: Credential | undefined;
  #certificateShown = false;
  #accepted: Credential['kind'] | undefined;

  /** Takes the server's answers away from ssh2. @throws `ssh.unsupported_library` */
  constructor(connection: object, username: string, outcome: SignInOutcome) {
    this.#connection = connection;
    this.#username = username;
    this.#outcome = outcome;
    const protocol = protocolOf(connection);
    const toSsh2 = protocol._onPayload;
    protocol._onPayload = (payload) => (this.#takes(payload) ? undefined : toSsh2(payload));
  }

  /**
   * True when a certificate was shown and something still waits for an answer. A server that hangs up now may do so for
   * the certificate alone: it allows one try, or takes an algorithm that it does not know for an attack.
   */
  get waitsAfterCertificate(): boolean {
    return this.#certificateShown && this.#offered !== undefined;
  }

  /** What the server has let us in with. */
  get accepted(): Credential['kind'] | undefined {
    return this.#accepted;
  }

  /** The server is ready for it: shows `credentials` one after the other, until one is taken. */
  begin(credentials: readonly Credential[], send: (payload: Buffer) => void): void {
    this.#left = credentials;
    this.#send = send;
    this.#next();
  }

  #next(): void {
    const [credential, ...left] = this.#left;
    this.#left = left;
    this.#offered = credential;
    this.#certificateShown ||= credential?.kind === 'certificate';
    if (credential === undefined) this.#outcome.refused();
    else this.#send(requestFor(credential, this.#username, sessionIdOf(this.#connection)));
  }

  /** True when the packet was for us alone. */
  #takes(payload: Buffer): boolean {
    switch (payload[0]) {
      case MESSAGE.USERAUTH_SUCCESS:
        // ssh2 hears it too, and begins the connection. Unasked, it would have let nobody in.
        if (this.#offered === undefined) return this.#unasked();
        this.#accepted = this.#offered.kind;
        this.#offered = undefined;
        return false;
      case MESSAGE.USERAUTH_FAILURE:
        if (this.#offered === undefined) return this.#unasked();
        this.#next();
        return true;
      case MESSAGE.USERAUTH_PK_OK:
        return this.#unasked();
      default:
        return false;
    }
  }

  #unasked(): boolean {
    this.#outcome.fault(protocolFault('The SSH server answered a sign-in that was not asked for.'));
    return true;
  }
}

/** SSH_MSG_USERAUTH_REQUEST with its signature (RFC 4252, section 7). */
function requestFor(credential: Credential, username: string, sessionId: Buffer): Buffer {
  const [algorithm, blob] =
    credential.kind === 'key'
      ? [SIGNING_ALGORITHM, credential.key.blob]
      : [CERTIFICATE_ALGORITHM, credential.certificate];
  const request = new WireWriter()
    .byte(MESSAGE.USERAUTH_REQUEST)
    .string(username)
    .string('ssh-connection')
    .string('publickey')
    .boolean(true)
    .string(algorithm)
    .string(blob)
    .finish();
  const signed = new WireWriter().string(sessionId).raw(request).finish();
  return new WireWriter().raw(request).string(credential.key.sign(signed)).finish();
}

/** The first exchange's hash, which every signature of this connection is bound to. */
function sessionIdOf(connection: object): Buffer {
  const { sessionID } = protocolOf(connection)._kex;
  if (sessionID === undefined) throw unsupportedLibrary();
  return sessionID;
}
