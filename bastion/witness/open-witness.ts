import { cosignedAtMs, type WitnessKey } from '../../shared/audit/cosignature.ts';
import type { AuditSink } from '../../shared/audit/event.ts';
import type { AuditLog } from '../../shared/audit/log.ts';
import { WitnessedCheckpoints } from '../../shared/audit/witnessed-checkpoints.ts';
import type { Clock } from '../../shared/clock.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import type { Logger } from '../../shared/log.ts';
import type { Tunnel } from '../../shared/tunnel/tunnel.ts';
import type { Teardown } from '../teardown.ts';
import type { PinnedProxy } from '../uplink/pinned-proxy.ts';
import { WitnessClient, type WitnessSummary } from './witness-client.ts';

/** Who counter-signs, and the last checkpoint that fits their key as it is pinned now. */
export interface Cosigned {
  readonly witness: WitnessKey & { readonly name: string };
  readonly checkpoint?: { readonly size: number; readonly note: string };
}

/** What the rest of the bastion knows of its witness. */
export interface OpenedWitness {
  summary(): WitnessSummary;
  /** Undefined when there is no witness. */
  cosigned(): Cosigned | undefined;
  /** Every checkpoint of the present history that is kept with its counter-signature. @throws `store.*` */
  notes(): Promise<readonly string[]>;
  /** A tunnel to the proxy has come up. */
  connected(): void;
}

/** Starts to hand checkpoints to the proxy that this bastion has joined, if it has joined one. @throws `store.*` */
export async function openWitness(parts: {
  readonly dataDir: string;
  readonly identity: NodeIdentity;
  readonly proxy: PinnedProxy | undefined;
  readonly auditLog: AuditLog;
  readonly audit: AuditSink;
  tunnel(): Tunnel | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly teardown: Teardown;
}): Promise<OpenedWitness> {
  const { dataDir, identity, proxy, auditLog, audit, clock, log, teardown } = parts;
  if (proxy === undefined) {
    return {
      summary: () => ({ state: 'none' }),
      cosigned: () => undefined,
      notes: async () => [],
      connected: () => undefined,
    };
  }
  const checkpoints = await WitnessedCheckpoints.open(dataDir);
  teardown.add(() => checkpoints.close());
  const client = await WitnessClient.start({
    identity,
    witness: proxy,
    checkpoints,
    log: auditLog,
    audit,
    tunnel: () => parts.tunnel(),
    clock,
    logger: log,
  });
  teardown.add(() => client.stop());
  return {
    summary: () => client.summary,
    cosigned() {
      const { latest } = client;
      // Behind a new key of the proxy, until it has counter-signed once with that.
      const isIts = latest !== undefined && cosignedAtMs(latest.note, proxy) !== undefined;
      return { witness: proxy, ...(isIts ? { checkpoint: latest } : {}) };
    },
    async notes() {
      const { epoch } = await checkpoints.standing(identity.id);
      const notes: string[] = [];
      for await (const kept of checkpoints.all(identity.id)) if (kept.epoch === epoch) notes.push(kept.note);
      return notes;
    },
    connected: () => client.wake(),
  };
}
