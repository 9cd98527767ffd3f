import { SyncSchedule } from '../../recordings/sync-schedule.ts';
import type { Database } from '../../shared/store/database.ts';
import { HostKeys } from './host-keys.ts';
import { HostSignIns } from './host-sign-ins.ts';
import type { OperatorConnectionOptions } from './operator-connection.ts';
import { OperatorConnections } from './operator-connections.ts';
import type { SessionServices } from './session-context.ts';

/** What serves operators, and what it knows of the hosts that it takes them to. */
export interface Operators {
  readonly operators: OperatorConnections;
  readonly hostKeys: HostKeys;
  readonly signIns: HostSignIns;
}

/** Puts it together. @throws `ssh.invalid_key` when the bastion's client key is none. */
export function openOperators(options: {
  /** Ed25519 private keys in OpenSSH format: the bastion's host key, and the one it signs in on hosts with. */
  readonly keys: { readonly host: string; readonly client: string };
  readonly services: Omit<SessionServices, 'recordingSync'>;
  readonly database: Database;
  readonly rest: Pick<OperatorConnectionOptions, 'registry' | 'labelsOf' | 'closesAt' | 'stillTrusts'>;
}): Operators {
  const { keys, services, database, rest } = options;
  const { audit, clock, log, bastionName } = services;
  const hostKeys = new HostKeys({ database, audit, clock });
  const signIns = new HostSignIns({ privateKey: keys.client, bastionName, clock, log });
  const operators = new OperatorConnections({
    services: { ...services, recordingSync: new SyncSchedule(clock) },
    hostKey: keys.host,
    ...{ hostKeys, signIns, ...rest },
  });
  return { operators, hostKeys, signIns };
}
