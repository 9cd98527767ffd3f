import { randomBytes } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import type { Credential } from '../../shared/ssh/client-sign-in.ts';
import { issueUserCertificate } from '../../shared/ssh/issue-certificate.ts';
import { freshSigningKey, type SigningKey, signingKeyOf } from '../../shared/ssh/signing-key.ts';
import type { Host } from '../hosts/host.ts';

/** A certificate is shown within a second of its making; the rest is for hosts whose clock is wrong. */
export const CERTIFICATE_LEEWAY_MS = 5 * 60_000;

/** An sshd that has refused a certificate is shown the plain key alone for so long. */
export const CERTIFICATE_AGAIN_MS = 10 * 60_000;

/** Accounts of hosts whose way of signing in is remembered; of more, the oldest are tried anew. */
export const REMEMBERED_MAX = 10_000;

/**
 * What an operator may ask of a host's sshd through the bastion, whose policy decides: all that an sshd knows but X11,
 * which the bastion refuses.
 */
const EXTENSIONS = ['permit-agent-forwarding', 'permit-port-forwarding', 'permit-pty', 'permit-user-rc'];

/** In whose name the bastion signs in. */
export interface SignInName {
  readonly operator: string;
  readonly session: string;
}

type Certificate = Extract<Credential, { kind: 'certificate' }>;

interface Remembered {
  readonly hostId: string;
  readonly by: Credential['kind'];
  readonly atMs: number;
}

/**
 * How the bastion signs in on hosts: with its one key, and on the hosts' own sshds first with a certificate that this key
 * has signed for one session. sshd writes what stands in it into its log: operator and session. Where `authorized_keys`
 * names the key and not the authority, the certificate is refused, the plain key is taken, and that is remembered.
 */
export class HostSignIns {
  /** In OpenSSH's format. */
  readonly privateKey: string;
  readonly #authority: SigningKey;
  readonly #bastionName: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #remembered = new Map<string, Remembered>();

  /** @throws `ssh.invalid_key` */
  constructor(options: { privateKey: string; bastionName: string; clock: Clock; log: Logger }) {
    this.privateKey = options.privateKey;
    this.#authority = signingKeyOf(options.privateKey);
    this.#bastionName = options.bastionName;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** What to show before the plain key; undefined where only that will do. */
  certificate(host: Host, login: string, name: SignInName): Certificate | undefined {
    if (host.target !== 'sshd') return undefined;
    if (this.#wantsKey(keyOf(host, login))) return undefined;
    const nowMs = this.#clock.nowMs();
    const key = freshSigningKey();
    const certificate = issueUserCertificate(this.#authority, {
      keyBlob: key.blob,
      keyId: `operator=${plain(name.operator)},session=${plain(name.session)},bastion=${plain(this.#bastionName)}`,
      serial: randomBytes(8).readBigUInt64BE(),
      principals: [login],
      validAfterMs: nowMs - CERTIFICATE_LEEWAY_MS,
      validBeforeMs: nowMs + CERTIFICATE_LEEWAY_MS,
      extensions: EXTENSIONS,
    });
    return { kind: 'certificate', key, certificate };
  }

  /** The host has let the bastion in, or has hung up on the certificate, so that only the key is left. */
  remember(host: Host, login: string, by: Credential['kind']): void {
    if (host.target !== 'sshd') return;
    const key = keyOf(host, login);
    // Kept from the first time on, so that the certificate is tried again in the end.
    if (by === 'key' && this.#wantsKey(key)) return;
    if (by === 'key' && this.#remembered.get(key)?.by !== 'key')
      this.#log.warn(
        { host: host.name, login },
        'the sshd of a host takes no certificate: its log names no operator',
      );
    this.#remembered.delete(key);
    this.#remembered.set(key, { hostId: host.id, by, atMs: this.#clock.nowMs() });
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > REMEMBERED_MAX && oldest !== undefined) this.#remembered.delete(oldest);
  }

  #wantsKey(key: string): boolean {
    const last = this.#remembered.get(key);
    return last?.by === 'key' && Math.abs(this.#clock.nowMs() - last.atMs) < CERTIFICATE_AGAIN_MS;
  }

  /** How each host that was signed in on let the bastion in, by its id: `key` when one of its accounts wanted that. */
  byHost(): ReadonlyMap<string, Credential['kind']> {
    const found = new Map<string, Credential['kind']>();
    for (const { hostId, by } of this.#remembered.values())
      if (found.get(hostId) !== 'key') found.set(hostId, by);
    return found;
  }
}

function keyOf(host: Host, login: string): string {
  return `${host.id} ${login}`;
}

/** Letters that can not be taken for the rest of a log's line. */
function plain(text: string): string {
  return encodeURIComponent(text.replace(/\p{Cs}/gu, '?'))
    .replaceAll('%40', '@')
    .replaceAll('%2B', '+');
}
