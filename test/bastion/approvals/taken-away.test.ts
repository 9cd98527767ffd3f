import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { OperatorLocks } from '../../../bastion/admission/operator-locks.ts';
import { Approvals } from '../../../bastion/approvals/approvals.ts';
import { Approvers } from '../../../bastion/approvals/approvers.ts';
import type { Grant } from '../../../bastion/approvals/grant.ts';
import { GrantStore } from '../../../bastion/approvals/grant-store.ts';
import { BASTION_MIGRATIONS } from '../../../bastion/store/migrations.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const RULE = { approvers: 1 as const, for: 3_600_000, wait: 60_000, reason: 'optional' as const };

async function openPlace() {
  const database = await Database.open(join(temporaryDirectory(), 'bastion.db'), {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'NORMAL',
  });
  onTestFinished(() => database.close());
  return { database, audit: new MemoryAudit(), clock: new FakeClock() };
}

type Place = Awaited<ReturnType<typeof openPlace>>;

async function openApprovals({ database, audit, clock }: Place, store = new GrantStore(database)) {
  const approvers = new Approvers({ sameAs: {}, creatorOfToken: async () => undefined });
  const approvals = await Approvals.open({ store, approvers, audit, clock, log: silentLogger() });
  onTestFinished(() => approvals.close());
  return approvals;
}

async function parkOne(approvals: Approvals): Promise<string> {
  const ask = { operator: 'alice', host: 'web-1', login: 'root', session: 's-1', action: 'shell' };
  const signal = new AbortController().signal;
  approvals.request(ask, { role: 'production', rule: RULE }, signal).catch(() => undefined);
  return waitFor(() => approvals.requests.at(-1)?.id);
}

test('a lock that could not be entered in the audit log holds after the next start as well', async () => {
  const { database, audit, clock } = await openPlace();
  const locks = await OperatorLocks.open({ database, audit, clock, onLocked: () => undefined });
  audit.failing = true;
  await expect(locks.lock('admin:carol', 'alice')).rejects.toMatchObject({ code: 'audit.unavailable' });
  const again = await OperatorLocks.open({ database, audit, clock, onLocked: () => undefined });
  expect(again.isLocked('alice')).toBe(true);
});

test('a grant that was taken back stays gone after the next start, whether or not that could be entered', async () => {
  const place = await openPlace();
  const approvals = await openApprovals(place);
  const grant = await approvals.grant('admin:carol', await parkOne(approvals));
  place.audit.failing = true;
  await expect(approvals.revoke('admin:carol', grant?.id ?? '')).rejects.toMatchObject({
    code: 'audit.unavailable',
  });
  place.audit.failing = false;
  expect((await openApprovals(place)).grants).toEqual([]);
});

test('an operator who is locked out while their grant is being stored does not have it later', async () => {
  const place = await openPlace();
  class SlowStore extends GrantStore {
    override async add(grant: Grant): Promise<void> {
      await super.add(grant);
      approvals.withdraw(grant.operator);
    }
  }
  const approvals = await openApprovals(place, new SlowStore(place.database));
  const id = await parkOne(approvals);
  await expect(approvals.grant('admin:carol', id)).rejects.toMatchObject({ code: 'approval.not_found' });
  expect(approvals.grantsOf('alice')).toEqual([]);
  expect((await openApprovals(place)).grants).toEqual([]);
});
