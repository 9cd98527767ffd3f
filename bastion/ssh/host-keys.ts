import { timingSafeEqual } from 'node:crypto';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import { type Clock, isoTime } from '../../shared/clock.ts';
import { fingerprintOf, parsePublicLine } from '../../shared/ssh/keys.ts';
import { WireReader } from '../../shared/ssh/wire.ts';
import type { Database } from '../../shared/store/database.ts';
import type { Host } from '../hosts/host.ts';

/** Whether a host's key is the right one, and if not, why in one sentence. */
export type HostKeyVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** Knows hosts by their SSH keys: those of agents from enrolment, those of sshds from the first time they are seen. */
export class HostKeys {
  readonly #database: Database;
  readonly #audit: AuditSink;
  readonly #clock: Clock;

  constructor(options: { database: Database; audit: AuditSink; clock: Clock }) {
    this.#database = options.database;
    this.#audit = options.audit;
    this.#clock = options.clock;
  }

  /** @throws `audit.unavailable`, `store.*`: then the key is not known to be right. */
  async check(host: Host, blob: Buffer): Promise<HostKeyVerdict> {
    const expected = host.pinnedHostKey ?? (await this.#pinned(host.id));
    if (expected === undefined) {
      await this.#pin(host, blob);
      // Read back: of two connections that see a host first at the same time, one has pinned.
      return this.#compare(host, (await this.#pinned(host.id)) ?? '', blob);
    }
    return this.#compare(host, expected, blob);
  }

  /** Forgets a pinned key, so that the next one that is seen is pinned. False when none was pinned. */
  async forget(actor: Actor, hostId: string, name: string): Promise<boolean> {
    const line = await this.#pinned(hostId);
    if (line === undefined) return false;
    const fingerprint = parsePublicLine(line).fingerprint;
    await this.#audit.append({ type: 'host.key_pinned', actor, host: name, fingerprint, forgotten: true });
    const { changes } = await this.#database.run('DELETE FROM pinned_host_keys WHERE host = ?', [hostId]);
    return changes > 0;
  }

  #compare(host: Host, expected: string, blob: Buffer): HostKeyVerdict {
    const pinned = parsePublicLine(expected);
    if (pinned.blob.length === blob.length && timingSafeEqual(pinned.blob, blob)) return { ok: true };
    const shown = fingerprintOf(blob);
    return {
      ok: false,
      reason: `The host ${host.name} shows the key ${shown} instead of ${pinned.fingerprint}, which it had before.`,
    };
  }

  async #pinned(hostId: string): Promise<string | undefined> {
    const row = await this.#database.get<{ public_line: string }>(
      'SELECT public_line FROM pinned_host_keys WHERE host = ?',
      [hostId],
    );
    return row?.public_line;
  }

  async #pin(host: Host, blob: Buffer): Promise<void> {
    const line = `${new WireReader(blob).text()} ${blob.toString('base64')}`;
    const { fingerprint } = parsePublicLine(line);
    await this.#audit.append({ type: 'host.key_pinned', actor: 'system', host: host.name, fingerprint });
    await this.#database.run(
      'INSERT INTO pinned_host_keys (host, public_line, pinned_at) VALUES (?, ?, ?) ON CONFLICT (host) DO NOTHING',
      [host.id, line, isoTime(this.#clock)],
    );
  }
}
