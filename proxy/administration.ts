import { PasswordHasher } from '../shared/accounts/password-hasher.ts';
import { enterBeside } from '../shared/audit/enter-beside.ts';
import type { Actor, AuditEvent, AuditQuery, AuditSink, AuditSource } from '../shared/audit/event.ts';
import { AuditLog } from '../shared/audit/log.ts';
import type { WitnessedCheckpoint } from '../shared/audit/witnessed-checkpoints.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { DrawbridgeError } from '../shared/errors.ts';
import { JOIN_TOKEN_LIFETIME_S } from '../shared/identity/claims.ts';
import { createJoinToken } from '../shared/identity/join-token.ts';
import { loadNodeIdentity, type NodeIdentity } from '../shared/identity/node-identity.ts';
import { type Logger, silentLogger } from '../shared/log.ts';
import { lockDirectory } from '../shared/store/directory-lock.ts';
import { DeviceAdministration } from './accounts/device-administration.ts';
import { FactorAdministration } from './accounts/factor-administration.ts';
import { UserAdministration } from './accounts/user-administration.ts';
import type { ProxyConfig } from './config.ts';
import { type Directory, MemoryDirectory } from './store/directory.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';
import { isBastionName } from './tunnels/destination.ts';
import { Relays } from './tunnels/relays.ts';
import { openWitness } from './witness/open-witness.ts';
import type { Witness, WitnessStanding } from './witness/witness.ts';

/** A bastion as the proxy's administrator sees it. */
export interface AdministeredBastion {
  readonly name: string;
  readonly id: string;
  readonly online: boolean;
  readonly tunnels: number;
  readonly enrolledAt: string;
  readonly revokedAt?: string;
  /** How its audit log stands with this proxy as its witness. */
  readonly witness: WitnessStanding;
}

/** What {@link ProxyAdministration} works on. */
export interface AdministrationParts {
  readonly identity: NodeIdentity;
  /** Where bastions join. */
  readonly publicUrl: () => string;
  readonly store: Store;
  readonly directory: Directory;
  readonly relays: Relays;
  readonly passwords: PasswordHasher;
  readonly audit: AuditSink & Pick<AuditSource, 'query'> & Pick<AuditLog, 'checkpoint'>;
  readonly witness: Pick<Witness, 'standing' | 'reset' | 'checkpoints'>;
  readonly clock: Clock;
}

/** All that the proxy's administrator can do. Every change is an audit event before it is made. */
export class ProxyAdministration {
  readonly users: UserAdministration;
  readonly factors: FactorAdministration;
  readonly devices: DeviceAdministration;
  readonly #parts: AdministrationParts;

  constructor(parts: AdministrationParts) {
    this.#parts = parts;
    this.users = new UserAdministration(parts);
    this.factors = new FactorAdministration(parts);
    this.devices = new DeviceAdministration(parts);
  }

  async listBastions(): Promise<readonly AdministeredBastion[]> {
    const { directory, store, witness } = this.#parts;
    return Promise.all(
      (await store.enrolments.listBastions()).map(async ({ name, id, enrolledAtMs, revokedAtMs }) => {
        const tunnels = await directory.count(id);
        const revoked = revokedAtMs === undefined ? {} : { revokedAt: new Date(revokedAtMs).toISOString() };
        const enrolledAt = new Date(enrolledAtMs).toISOString();
        const standing = await witness.standing(id);
        return { name, id, online: tunnels > 0, tunnels, enrolledAt, ...revoked, witness: standing };
      }),
    );
  }

  /** A token with which one bastion can join under this name, within 30 minutes. @throws `bastion.invalid_name`, `bastion.exists`. */
  async createBastionToken(
    actor: Actor,
    name: string,
  ): Promise<{ readonly token: string; readonly expiresAt: string; readonly command: string }> {
    const { audit, clock, identity, publicUrl, store } = this.#parts;
    if (!isBastionName(name)) {
      throw new DrawbridgeError('bastion.invalid_name', `"${name}" cannot be the name of a bastion here.`, {
        hint: 'Use 1 to 63 small letters, digits and hyphens: operators will write HOST.NAME.',
      });
    }
    if (await store.enrolments.findBastionByName(name)) {
      throw new DrawbridgeError('bastion.exists', `There is a bastion "${name}" already.`, {
        hint: `Choose another name, or revoke it first: \`drawbridge proxy bastion revoke ${name}\`.`,
      });
    }
    const { token, kid, publicJwk } = createJoinToken(identity);
    const expiresAtMs = clock.nowMs() + JOIN_TOKEN_LIFETIME_S * 1000;
    const expiresAt = new Date(expiresAtMs).toISOString();
    await audit.append({ type: 'token.created', actor, bastion: name, kid, expiresAt });
    await store.enrolments.addJoinToken({ kid, publicJwk, name, expiresAtMs });
    return { token, expiresAt, command: `drawbridge bastion join ${publicUrl()} ${token}` };
  }

  /** Refuses the bastion from now on and ends its tunnels at once; says how many. @throws `bastion.unknown`. */
  async revokeBastion(actor: Actor, name: string): Promise<{ readonly tunnels: number }> {
    const { audit, clock, directory, store } = this.#parts;
    const bastion = await this.#bastion(name);
    const event = { type: 'bastion.revoked', actor, bastion: name, bastionId: bastion.id } as const;
    const entered = enterBeside(audit, event);
    await store.enrolments.revokeBastion(bastion.id, clock.nowMs());
    const reason = 'The vendor has revoked this bastion.';
    const tunnels = await directory.closeAll(bastion.id, 'bastion.revoked', reason);
    await entered;
    return { tunnels };
  }

  /**
   * Lets the witness begin anew with this bastion's log: for one that was restored from a backup, when the customer has
   * said so. @throws `bastion.unknown`, `audit.unavailable`.
   */
  async resetWitness(actor: Actor, name: string, reason: string): Promise<void> {
    await this.#parts.witness.reset(actor, await this.#bastion(name), reason);
  }

  /**
   * The checkpoints of this bastion that were counter-signed here, latest last: what an auditor compares its log with.
   * @throws `bastion.unknown`
   */
  async witnessedCheckpoints(name: string): Promise<readonly WitnessedCheckpoint[]> {
    return this.#parts.witness.checkpoints((await this.#bastion(name)).id);
  }

  /** Signs the proxy's own log. @throws `audit.unavailable` */
  async checkpoint(): Promise<void> {
    await this.#parts.audit.checkpoint();
  }

  queryAudit(query: AuditQuery): Promise<readonly AuditEvent[]> {
    return this.#parts.audit.query(query);
  }

  async #bastion(name: string) {
    const bastion = await this.#parts.store.enrolments.findBastionByName(name);
    if (bastion) return bastion;
    throw new DrawbridgeError('bastion.unknown', `There is no bastion "${name}".`, {
      hint: '`drawbridge proxy bastion ls` lists them.',
    });
  }
}

/**
 * The same administration while no proxy runs. It holds the data directory until it is closed.
 * @throws `store.locked` when a proxy runs (then use its control socket), `identity.missing`, `store.*`.
 */
export async function openProxyAdministration(
  config: ProxyConfig,
  deps: { readonly clock?: Clock; readonly log?: Logger } = {},
): Promise<{ readonly administration: ProxyAdministration; close(): Promise<void> }> {
  const { clock = systemClock, log = silentLogger() } = deps;
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const run of closers.splice(0).reverse()) await run();
  };
  try {
    const identity = await loadNodeIdentity(config.dataDir);
    const lock = await lockDirectory(config.dataDir);
    closers.push(() => lock.release());
    const store = await openSqliteStore(config.dataDir);
    closers.push(() => store.close());
    const audit = await AuditLog.open(config.dataDir, { identity, clock, log });
    closers.push(() => audit.close());
    const witness = await openWitness({
      dataDir: config.dataDir,
      identity,
      audit,
      clock,
      log,
      teardown: { add: (step) => closers.push(step) },
    });
    const administration = new ProxyAdministration({
      witness,
      identity,
      publicUrl: () => config.publicUrl,
      store,
      directory: new MemoryDirectory(),
      relays: new Relays(),
      passwords: new PasswordHasher(),
      audit,
      clock,
    });
    return { administration, close };
  } catch (error) {
    await close();
    throw error;
  }
}
