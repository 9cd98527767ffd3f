import type { AuditSource } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import type { Logger } from '../../shared/log.ts';
import type { Database } from '../../shared/store/database.ts';
import type { BastionConfig } from '../config.ts';
import type { Teardown } from '../teardown.ts';
import type { ShippedFrom } from './encode.ts';
import { senderFor } from './senders.ts';
import { ShipCursors } from './ship-cursors.ts';
import { Shipper, type ShipSummary } from './shipper.ts';

/**
 * Starts to ship the audit log to every destination of the configuration. It has nothing to do with the gate: it works
 * while remote access is off. @throws `egress.*`, `store.*`
 */
export async function openShipping(parts: {
  readonly config: BastionConfig;
  readonly from: ShippedFrom;
  readonly source: AuditSource;
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly teardown: Teardown;
}): Promise<() => readonly ShipSummary[]> {
  const { config, from, source, clock, log, teardown } = parts;
  if (config.ship.length === 0) return () => [];
  const egress = createEgress(config.egress);
  const cursors = new ShipCursors(parts.database);
  const shippers: Shipper[] = [];
  teardown.add(async () => {
    await Promise.all(shippers.map((shipper) => shipper.stop()));
  });
  for (const destination of config.ship) {
    const { name, kind, events: only } = destination;
    const send = senderFor(destination, { from, egress, clock });
    shippers.push(await Shipper.start({ name, kind, only, send, source, cursors, clock, log }));
  }
  return () => shippers.map(({ summary }) => summary);
}
