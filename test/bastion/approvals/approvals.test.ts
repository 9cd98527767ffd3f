import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Approvals } from '../../../bastion/approvals/approvals.ts';
import { Approvers } from '../../../bastion/approvals/approvers.ts';
import { GrantStore } from '../../../bastion/approvals/grant-store.ts';
import type { ApprovalAsk } from '../../../bastion/approvals/parked-request.ts';
import {
  PARKED_MAX,
  PARKED_OF_NEWCOMERS_MAX,
  PARKED_PER_OPERATOR_MAX,
} from '../../../bastion/approvals/parked-room.ts';
import {
  nextRequestState,
  type RequestEvent,
  type RequestState,
} from '../../../bastion/approvals/request-state.ts';
import { SIGNATURE_HEADER, signatureOf, Webhook } from '../../../bastion/approvals/webhook.ts';
import type { Machine } from '../../../bastion/gate/machine.ts';
import { BASTION_MIGRATIONS } from '../../../bastion/store/migrations.ts';
import { systemClock } from '../../../shared/clock.ts';
import { createEgress } from '../../../shared/egress/egress.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const RULE = { approvers: 1 as const, for: 3_600_000, wait: 60_000, reason: 'optional' as const };
const NEED = { role: 'production', rule: RULE };
const TWO = { role: 'production', rule: { ...RULE, approvers: 2 as const } };

function ask(operator = 'alice', host = 'web-1'): ApprovalAsk {
  return { operator, host, login: 'root', session: 's-1', action: 'shell' };
}

async function openDatabase(): Promise<Database> {
  const database = await Database.open(join(temporaryDirectory(), 'bastion.db'), {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'NORMAL',
  });
  onTestFinished(() => database.close());
  return database;
}

async function open(
  given: { database?: Database; clock?: FakeClock; machine?: Machine; lastKnownMs?: number } = {},
) {
  const { database = await openDatabase(), clock = new FakeClock(), ...known } = given;
  const audit = new MemoryAudit();
  const approvers = new Approvers({
    sameAs: { dora: ['Alice'] },
    creatorOfToken: async (name) => (name === 'carols' ? 'admin:carol' : undefined),
  });
  const store = new GrantStore(database);
  const log = silentLogger();
  const approvals = await Approvals.open({ store, approvers, audit, clock, log, ...known });
  onTestFinished(() => approvals.close());
  return { approvals, audit, clock, database };
}

type Opened = Awaited<ReturnType<typeof open>>;

async function park({ approvals }: Opened, need: typeof NEED | typeof TWO = NEED, asked = ask()) {
  const gone = new AbortController();
  const outcome = approvals.request(asked, need, gone.signal);
  outcome.catch(() => undefined);
  const id = await waitFor(() => approvals.requests.at(-1)?.id);
  return { id, outcome, gone };
}

describe('approvals', () => {
  test('are given by nobody to themselves, under no name, nor by a token of nobody', async () => {
    const opened = await open();
    const { id } = await park(opened);
    for (const actor of [
      'admin:alice',
      'admin:ALICE',
      'local:alice',
      'admin:dora',
      'admin:corp/alice',
      'admin:corp/alice@corp.example',
      'token:unknown',
    ] as const) {
      await expect(opened.approvals.grant(actor, id)).rejects.toMatchObject({ code: 'approval.own_request' });
    }
    await expect(opened.approvals.grant('system', id)).rejects.toMatchObject({
      code: 'approval.own_request',
    });
    expect(opened.audit.ofType('approval.denied')).toHaveLength(8);
    expect(opened.approvals.grants).toEqual([]);
  });

  test('of two people need two people: a token is whoever made it, and the shorter time counts', async () => {
    const opened = await open();
    const { id, outcome } = await park(opened, TWO);
    expect(await opened.approvals.grant('admin:carol', id, 600_000)).toBeUndefined();
    for (const again of ['token:carols', 'admin:corp/carol', 'admin:corp/carol@corp.example'] as const) {
      await expect(opened.approvals.grant(again, id)).rejects.toMatchObject({
        code: 'approval.same_person',
      });
    }
    const grant = await opened.approvals.grant('local:root', id, 1_200_000);
    expect(grant).toMatchObject({ approvedBy: ['admin:carol', 'local:root'] });
    expect((grant?.untilMs ?? 0) - (grant?.grantedAtMs ?? 0)).toBe(600_000);
    expect(await outcome).toMatchObject({ kind: 'granted' });
    expect(opened.approvals.grantsOf('alice')).toMatchObject([{ approvers: 2, role: 'production' }]);
    expect(opened.approvals.grantsOf('bob')).toEqual([]);
  });

  test('run out, also when the clock is set back, and are not found again by the next start', async () => {
    const opened = await open();
    const { id } = await park(opened);
    const ended: string[] = [];
    opened.approvals.onNews(({ kind, grant }) => grant !== undefined && ended.push(kind));
    await opened.approvals.grant('admin:carol', id, 60_000);
    const again = await open({ database: opened.database, clock: opened.clock });
    expect(again.approvals.grantsOf('alice')).toHaveLength(1);
    opened.clock.advance(59_000);
    expect(opened.approvals.grantsOf('alice')).toHaveLength(1);
    opened.clock.advance(1_500);
    expect(opened.approvals.grantsOf('alice')).toEqual([]);
    expect(ended).toEqual(['granted', 'expired']);
    await waitFor(() => opened.audit.ofType('approval.expired').length === 1);
    const later = await open({ database: opened.database, clock: opened.clock });
    expect(later.approvals.grants).toEqual([]);
  });

  test('are not prolonged by a clock that is set back while the bastion is restarted, nor the machine', async () => {
    let uptimeMs = 1_000_000;
    const machine = () => ({ bootId: 'boot-1', uptimeMs });
    const opened = await open({ machine });
    const { clock, database } = opened;
    const { id } = await park(opened);
    const grant = await opened.approvals.grant('admin:carol', id, 3_600_000);
    // Fifty minutes later, the clock shows one.
    uptimeMs += 3_000_000;
    clock.jumpTo((grant?.grantedAtMs ?? 0) + 60_000);
    const restarted = await open({ database, clock, machine });
    const lastKnownMs = (grant?.grantedAtMs ?? 0) + 3_000_000;
    const booted = await open({
      database,
      clock,
      machine: () => ({ bootId: 'boot-2', uptimeMs: 1 }),
      lastKnownMs,
    });
    clock.advance(599_000);
    expect(restarted.approvals.grantsOf('alice')).toHaveLength(1);
    expect(booted.approvals.grantsOf('alice')).toHaveLength(1);
    clock.advance(2_000);
    expect(restarted.approvals.grantsOf('alice')).toEqual([]);
    expect(booted.approvals.grantsOf('alice')).toEqual([]);
    const late = await open({
      database,
      clock,
      machine: () => ({ bootId: 'boot-2', uptimeMs: 1 }),
      lastKnownMs: lastKnownMs + 601_000,
    });
    expect(late.approvals.grants).toEqual([]);
  });

  test('end at once when they are taken back, even when that can not be entered', async () => {
    const opened = await open();
    const { id } = await park(opened);
    const grant = await opened.approvals.grant('admin:carol', id);
    const ended: string[] = [];
    opened.approvals.onNews(({ kind }) => ended.push(kind));
    opened.audit.failing = true;
    const revoked = opened.approvals.revoke('admin:carol', grant?.id ?? '');
    expect(opened.approvals.grants).toEqual([]);
    expect(ended).toEqual(['revoked']);
    await expect(revoked).rejects.toMatchObject({ code: 'audit.unavailable' });
  });

  test('are not asked for, nor given, when that can not be entered', async () => {
    const opened = await open();
    const { id, outcome } = await park(opened);
    opened.audit.failing = true;
    await expect(opened.approvals.grant('admin:carol', id)).rejects.toMatchObject({
      code: 'audit.unavailable',
    });
    expect(opened.approvals.grants).toEqual([]);
    const refused = opened.approvals.request(ask('bob'), NEED, new AbortController().signal);
    await expect(refused).rejects.toMatchObject({ code: 'audit.unavailable' });
    expect(opened.approvals.requests.map((request) => request.ask.operator)).toEqual(['alice']);
    opened.clock.advance(61_000);
    expect(await outcome).toEqual({ kind: 'expired' });
  });

  test('are asked for once by all who wait for the same, and withdrawn with the last of them', async () => {
    const opened = await open();
    const first = await park(opened);
    const second = await park(opened);
    expect(second.id).toBe(first.id);
    first.gone.abort();
    expect(await first.outcome).toEqual({ kind: 'withdrawn' });
    expect(opened.approvals.requests).toHaveLength(1);
    second.gone.abort();
    expect(opened.approvals.requests).toEqual([]);
    await expect(opened.approvals.grant('admin:carol', first.id)).rejects.toMatchObject({
      code: 'approval.not_found',
    });
  });

  describe('that wait', () => {
    const TOO_MANY = { code: 'approval.too_many' };

    /** Asks by operators of whom `known` were granted something before, over a restart. */
    async function asking(known: readonly string[]) {
      const database = await openDatabase();
      const first = await open({ database });
      for (const operator of known) {
        const { id, outcome } = await park(first, NEED, ask(operator));
        await first.approvals.grant('admin:carol', id, 1000);
        await outcome;
      }
      first.clock.advance(2000);
      await waitFor(() => first.audit.ofType('approval.expired').length === known.length);
      first.approvals.close();
      const { approvals, audit } = await open({ database });
      const request = (operator: string, number: number) => {
        const outcome = approvals.request(ask(operator, `h-${number}`), NEED, new AbortController().signal);
        outcome.catch(() => undefined);
        return outcome;
      };
      return { approvals, audit, request };
    }

    test('are ten of one operator at most, and a hundred in all', async () => {
      const known = Array.from({ length: 11 }, (_, number) => `known-${number}`);
      const { approvals, request } = await asking(known);
      for (const operator of known.slice(0, 10)) {
        for (let number = 0; number < PARKED_PER_OPERATOR_MAX; number++) void request(operator, number);
        await expect(request(operator, 99)).rejects.toMatchObject(TOO_MANY);
      }
      expect(approvals.requests).toHaveLength(PARKED_MAX);
      await expect(request('known-10', 1)).rejects.toMatchObject(TOO_MANY);
    });

    test('leave room for operators who were granted something before, however many names are made up', async () => {
      const { approvals, request } = await asking(['alice']);
      for (let number = 0; number < PARKED_OF_NEWCOMERS_MAX; number++)
        void request(`made-up-${number}`, number);
      await expect(request('made-up-99', 1)).rejects.toMatchObject(TOO_MANY);
      void request('alice', 1);
      expect(approvals.requests).toHaveLength(PARKED_OF_NEWCOMERS_MAX + 1);
      expect(approvals.isNewcomer('alice')).toBe(false);
      expect(approvals.isNewcomer('made-up-1')).toBe(true);
    });

    test('can be refused many at a time, each with its event and its answer', async () => {
      const { approvals, audit, request } = await asking(['alice']);
      const strangers = ['made-up-1', 'made-up-2'].map((operator) => request(operator, 1));
      const own = request('alice', 1);
      const isNewcomer = ({ ask: { operator } }: { ask: ApprovalAsk }) => approvals.isNewcomer(operator);
      expect(await approvals.refuseAll('admin:carol', isNewcomer, 'Who are you?')).toBe(2);
      for (const outcome of strangers)
        expect(await outcome).toEqual({ kind: 'refused', message: 'Who are you?' });
      expect(audit.ofType('approval.refused')).toMatchObject([
        { operator: 'made-up-1', actor: 'admin:carol' },
        { operator: 'made-up-2', actor: 'admin:carol' },
      ]);
      expect(approvals.requests).toHaveLength(1);
      expect(await approvals.refuseAll('admin:carol', () => true)).toBe(1);
      expect(await own).toEqual({ kind: 'refused' });
    });
  });
});

describe('the state of a request', () => {
  test('is granted only by as many different people as are needed, and never changes after its end', () => {
    const person = fc.constantFrom('carol', 'dora', 'erin');
    const needed = fc.constantFrom(1, 2);
    const event = (count: number): fc.Arbitrary<RequestEvent> =>
      fc.oneof(
        person.map((name): RequestEvent => {
          const approval = { actor: `admin:${name}` as const, person: name, forMs: 1 };
          return { kind: 'approve', approval, needed: count };
        }),
        fc.constantFrom<RequestEvent>(
          { kind: 'expire' },
          { kind: 'withdraw' },
          { kind: 'refuse', by: 'admin:carol' },
        ),
      );
    const cases = needed.chain((count) =>
      fc.tuple(fc.constant(count), fc.array(event(count), { maxLength: 8 })),
    );
    fc.assert(
      fc.property(cases, ([count, events]) => {
        let state: RequestState = { kind: 'waiting', approvals: [] };
        for (const one of events) {
          const before: RequestState = state;
          state = nextRequestState(state, one);
          if (before.kind !== 'waiting') expect(state).toBe(before);
        }
        if (state.kind !== 'granted') return;
        expect(new Set(state.approvals.map((given) => given.person)).size).toBe(count);
      }),
    );
  });
});

describe('the webhook', () => {
  test('sends signed messages in order, and again what was not taken', async () => {
    const taken: { type: string; valid: boolean }[] = [];
    let tries = 0;
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        tries += 1;
        if (tries === 1) {
          response.statusCode = 503;
          response.end();
          return;
        }
        const header = String(request.headers[SIGNATURE_HEADER]);
        const seconds = Number(/^t=(\d+),/.exec(header)?.[1]);
        const { type } = JSON.parse(body) as { type: string };
        taken.push({ type, valid: header === signatureOf('0123456789abcdef', body, seconds) });
        response.end('ok, not JSON');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const webhook = new Webhook({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
      secret: '0123456789abcdef',
      bastionName: 'acme',
      egress: createEgress({}, { env: {} }),
      clock: systemClock,
      log: silentLogger(),
    });
    onTestFinished(() => webhook.close());
    webhook.send('approval.requested', { request: { id: 'r-1' } });
    webhook.send('approval.granted', { request: { id: 'r-1' } });
    await waitFor(() => taken.length === 2);
    expect(taken).toEqual([
      { type: 'approval.requested', valid: true },
      { type: 'approval.granted', valid: true },
    ]);
  });
});
