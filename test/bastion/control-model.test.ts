import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BASTION_MIGRATIONS } from '../../bastion/store/migrations.ts';
import { Database } from '../../shared/store/database.ts';
import {
  ControlModel,
  MINUTE_MS,
  type Operator,
  policyOf,
  ROLE_NAMES,
  type RoleName,
  SECOND_MS,
  type TestRules,
} from '../support/control-model.ts';
import { ControlWorld, issuerOf } from '../support/control-world.ts';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';

/** Windows of the test's roles open and close at longer intervals. */
const WAIT_PIECE_MS = 30 * MINUTE_MS;

/** Nobody approves their own, nor twice, nor what waits no more. */
const NO_APPROVAL = /own_request|same_person|not_found/;

/** Of one pass, as the proxy takes it back, and of all that one source has vouched for, as a reload ends them. */
const WITHDRAWN = { code: 'proxy.withdrew', message: 'the proxy says so' };
const NO_LONGER_TRUSTED = { code: 'trust.removed', message: 'no longer trusted' };

type Step =
  | { readonly kind: 'on'; readonly seconds: number | undefined; readonly outside: boolean }
  | { readonly kind: 'off' | 'remove' | 'spoil' | 'restart' }
  | { readonly kind: 'apply'; readonly rules: TestRules }
  | { readonly kind: 'wait' | 'jump'; readonly minutes: number }
  | { readonly kind: 'begin' | 'lock' | 'unlock' | 'distrust'; readonly operator: Operator }
  | {
      readonly kind: 'approve';
      readonly people: readonly string[];
      readonly minutes: number;
      readonly pick: number;
    }
  | { readonly kind: 'refuse' | 'revoke' | 'withdraw'; readonly pick: number };

class Command implements fc.AsyncCommand<ControlModel, ControlWorld> {
  readonly #step: Step;

  constructor(step: Step) {
    this.#step = step;
  }

  check(): boolean {
    return true;
  }

  async run(model: ControlModel, world: ControlWorld): Promise<void> {
    await take(this.#step, model, world);
    await world.settle();
    // Whatever happened has had its second by then.
    world.clock.advance(SECOND_MS);
    model.pass();
    await world.settle();
    const { gate, decisions } = world.running;
    expect([...world.alive.keys()].sort()).toEqual(model.alive.map(({ number }) => number).sort());
    expect(gate.admit().open).toBe(model.opening !== undefined);
    expect(decisions.approvals.requests).toHaveLength(model.requests.length);
    expect(decisions.approvals.grants).toHaveLength(model.grants.length);
  }

  toString(): string {
    return JSON.stringify(this.#step);
  }
}

async function take(step: Step, model: ControlModel, world: ControlWorld): Promise<void> {
  const { clock } = world;
  const { gate, policies, registry, decisions } = world.running;
  const { approvals, locks } = decisions;
  switch (step.kind) {
    case 'on':
      return turnOn(step, model, world);
    case 'off':
      await gate.turnOff('admin:dave');
      model.opening = undefined;
      return model.pass();
    case 'remove':
      rmSync(join(world.dir, 'access.json'), { force: true });
      model.opening = undefined;
      return;
    case 'spoil':
      // While it is off, the next start finds this.
      writeFileSync(join(world.dir, 'access.json'), '{"state":"on"');
      model.opening = undefined;
      return;
    case 'restart':
      await world.stop();
      await world.start();
      return model.restart();
    case 'apply':
      await policies.apply('admin:dave', policyOf(step.rules));
      model.rules = step.rules;
      return model.pass();
    case 'wait':
      for (let leftMs = step.minutes * MINUTE_MS; leftMs > 0; ) {
        const pieceMs = Math.min(leftMs, WAIT_PIECE_MS, Math.max(model.nextChangeMs, SECOND_MS));
        clock.advance(pieceMs);
        leftMs -= pieceMs;
        model.pass();
        await world.settle();
      }
      return;
    case 'jump':
      clock.jumpTo(clock.nowMs() + step.minutes * MINUTE_MS);
      return;
    case 'begin': {
      const expected = model.begin(step.operator);
      expect(world.begin(model.started, step.operator)).toBe(expected);
      return;
    }
    case 'lock':
      await locks.lock('admin:dave', step.operator);
      return model.lock(step.operator);
    case 'unlock':
      if (model.locked.delete(step.operator)) await locks.unlock('admin:dave', step.operator);
      return;
    case 'distrust':
      registry.endWhere(({ vouchedBy }) => vouchedBy === issuerOf(step.operator), NO_LONGER_TRUSTED);
      return model.end((session) => session.operator === step.operator);
    case 'withdraw': {
      const session = model.alive[step.pick % Math.max(model.alive.length, 1)];
      if (session === undefined) return;
      registry.endWhere(({ passId }) => passId === `p-${session.number}`, WITHDRAWN);
      return model.end((one) => one === session);
    }
    case 'approve':
      return approve(step, model, world);
    case 'refuse': {
      const at = step.pick % Math.max(model.requests.length, 1);
      const [request, real] = [model.requests[at], approvals.requests[at]];
      if (request === undefined || real === undefined) return;
      await approvals.refuse('admin:dave', real.id);
      return model.refuse(request);
    }
    case 'revoke': {
      const { grants } = approvals;
      const real = grants[step.pick % Math.max(grants.length, 1)];
      if (real === undefined) return;
      await approvals.revoke('admin:dave', real.id);
      // After a restart they are in another order.
      const at = model.grants.findIndex(
        ({ operator, role, wallUntilMs }) =>
          operator === real.operator && role === real.role && wallUntilMs === real.untilMs,
      );
      model.grants.splice(at, 1);
      return model.pass();
    }
  }
}

async function turnOn(
  step: Extract<Step, { kind: 'on' }>,
  model: ControlModel,
  { clock, running }: ControlWorld,
): Promise<void> {
  const outside = step.outside && step.seconds !== undefined;
  const forMs = step.seconds === undefined ? undefined : step.seconds * SECOND_MS;
  const options = { ...(forMs === undefined ? {} : { forMs }), outsideWindows: outside };
  await running.gate.turnOn('admin:dave', options);
  const lastsMs = forMs ?? Number.POSITIVE_INFINITY;
  const sinceMs = clock.nowMs();
  const untilMs = clock.monotonicMs() + lastsMs;
  model.opening = { sinceMs, wallUntilMs: sinceMs + lastsMs, untilMs, outside };
  model.pass();
}

async function approve(
  step: Extract<Step, { kind: 'approve' }>,
  model: ControlModel,
  { running }: ControlWorld,
): Promise<void> {
  const { approvals } = running.decisions;
  const at = step.pick % Math.max(model.requests.length, 1);
  const [request, real] = [model.requests[at], approvals.requests[at]];
  if (request === undefined || real === undefined) return;
  const forMs = step.minutes * MINUTE_MS;
  for (const who of step.people) {
    const granted = approvals.grant(`admin:${who}`, real.id, forMs);
    if (model.requests.includes(request) && model.approve(request, who, forMs)) await granted;
    else await expect(granted).rejects.toMatchObject({ code: expect.stringMatching(NO_APPROVAL) });
  }
}

const anyOperator = fc.constantFrom<Operator>('alice', 'bob', 'carol');

/** Often with nothing but what has to be approved, or with little besides. */
const anyRules: fc.Arbitrary<TestRules> = fc.record({
  roles: fc.oneof(
    fc.constantFrom<readonly RoleName[]>(['asked', 'vault'], ['asked'], ['office', 'asked', 'vault']),
    fc.subarray(ROLE_NAMES),
  ),
  approvers: fc.constantFrom(1 as const, 2 as const),
});

/** Mostly what makes grants and needs them, and seldom what ends everything. */
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('begin' as const), operator: anyOperator }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('approve' as const),
      people: fc.shuffledSubarray(['carol', 'dave', 'erin'], { minLength: 1 }),
      minutes: fc.integer({ min: 1, max: 120 }),
      pick: fc.nat({ max: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('refuse' as const, 'revoke' as const, 'revoke' as const, 'withdraw' as const),
      pick: fc.nat({ max: 5 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('lock' as const, 'unlock' as const, 'unlock' as const, 'distrust' as const),
      operator: anyOperator,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('apply' as const), rules: anyRules }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('on' as const),
      seconds: fc.option(fc.integer({ min: 1, max: 6 * 3600 }), { nil: undefined }),
      outside: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('off' as const, 'remove' as const, 'spoil' as const, 'restart' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 60 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('jump' as const),
      minutes: fc.oneof(fc.integer({ min: -90, max: 90 }), fc.integer({ min: -1500, max: 1500 })),
    }),
  },
);

/** Access and a policy to begin with, so that most runs have something to end. */
const BEGINNING: readonly Step[] = [
  { kind: 'on', seconds: undefined, outside: false },
  { kind: 'apply', rules: { roles: ['asked', 'vault'], approvers: 1 } },
];

test('whatever is switched, applied, approved, locked, restarted and however the clock goes: exactly the allowed sessions are alive', async () => {
  const { path, remove } = createTemporaryDirectory();
  let runs = 0;
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.commands([anyStep.map((step) => new Command(step))], { maxCommands: 100, size: 'max' }),
        async (commands) => {
          const dir = join(path, String(++runs));
          mkdirSync(dir);
          writeFileSync(join(dir, 'policy.yaml'), policyOf({ roles: [], approvers: 1 }));
          const database = await Database.open(join(dir, 'bastion.db'), {
            migrations: BASTION_MIGRATIONS,
            synchronous: 'NORMAL',
          });
          const world = new ControlWorld(dir, database);
          const model = new ControlModel(world.clock);
          await world.start();
          try {
            for (const step of BEGINNING) await new Command(step).run(model, world);
            await fc.asyncModelRun(() => ({ model, real: world }), commands);
          } finally {
            await world.stop();
            await database.close();
          }
        },
      ),
      { numRuns: 10 },
    );
  } finally {
    remove();
  }
}, 120_000);
