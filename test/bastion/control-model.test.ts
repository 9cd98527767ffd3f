import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Gate } from '../../bastion/gate/gate.ts';
import { decide } from '../../bastion/policy/decide.ts';
import { EffectivePolicy } from '../../bastion/policy/effective-policy.ts';
import { PolicyStore } from '../../bastion/policy/policy-store.ts';
import { DecisionWatch } from '../../bastion/sessions/decision-watch.ts';
import type { Session } from '../../bastion/sessions/session.ts';
import { requestOf } from '../../bastion/sessions/session-decision.ts';
import { SessionRegistry } from '../../bastion/sessions/session-registry.ts';
import { SessionStore } from '../../bastion/sessions/session-store.ts';
import { BASTION_MIGRATIONS } from '../../bastion/store/migrations.ts';
import { silentLogger } from '../../shared/log.ts';
import { Database } from '../../shared/store/database.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { MemoryAudit } from '../support/memory-audit.ts';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';

const START_MS = Date.parse('2030-01-01T12:00:00.000Z');
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const LIMIT = 2;

const GROUPS = { alice: ['a'], bob: ['b'], carol: ['a', 'b'] } as const;
type Operator = keyof typeof GROUPS;

/** What a role of the test says, in the policy's language and, told apart from it, in plain arithmetic. */
const ROLES = {
  /** Office hours, over which `LIMIT` sessions at once. */
  office: {
    group: 'a',
    yaml: `windows: [{ from: '08:00', to: '18:00' }], limits: { sessions: ${LIMIT} }`,
    open: (nowMs: number, outside: boolean) => {
      const minute = Math.floor(nowMs / MINUTE_MS) % 1440;
      return outside || (minute >= 480 && minute < 1080);
    },
    limit: LIMIT,
  },
  /** Over midnight. */
  night: {
    group: 'b',
    yaml: "windows: [{ from: '22:00', to: '13:00' }]",
    open: (nowMs: number, outside: boolean) => {
      const minute = Math.floor(nowMs / MINUTE_MS) % 1440;
      return outside || minute >= 1320 || minute < 780;
    },
    limit: Number.POSITIVE_INFINITY,
  },
  /** A contract of two days. */
  contract: {
    group: 'a',
    yaml: 'valid: { from: 2030-01-01, until: 2030-01-02 }',
    open: (nowMs: number) => nowMs >= START_MS - 12 * HOUR_MS && nowMs < START_MS + 36 * HOUR_MS,
    limit: Number.POSITIVE_INFINITY,
  },
} as const;
type RoleName = keyof typeof ROLES;

function policyOf(roles: readonly RoleName[]): string {
  const lines = roles.map(
    (name) =>
      `  - { name: ${name}, groups: [${ROLES[name].group}], hosts: { names: ['*'] }, logins: [deploy], allow: [shell], ${ROLES[name].yaml} }\n`,
  );
  return lines.length === 0 ? 'version: 1\nroles: []\n' : `version: 1\nroles:\n${lines.join('')}`;
}

/** What should be. It knows no more than what was commanded and what time it is. */
class Model {
  roles: readonly RoleName[] = [];
  opening: { sinceMs: number; wallUntilMs: number; untilMs: number; outside: boolean } | undefined;
  alive: { readonly number: number; readonly operator: Operator }[] = [];
  started = 0;

  allowing(operator: Operator, nowMs: number): RoleName[] {
    const groups: readonly string[] = GROUPS[operator];
    const outside = this.opening?.outside ?? false;
    return this.roles.filter(
      (name) => groups.includes(ROLES[name].group) && ROLES[name].open(nowMs, outside),
    );
  }

  /** What time has done. */
  pass(clock: FakeClock): void {
    const { opening } = this;
    if (
      opening !== undefined &&
      (clock.nowMs() >= opening.wallUntilMs || clock.monotonicMs() >= opening.untilMs)
    )
      this.opening = undefined;
    this.alive = this.alive.filter(
      ({ operator }) => this.opening !== undefined && this.allowing(operator, clock.nowMs()).length > 0,
    );
  }
}

interface Running {
  readonly gate: Gate;
  readonly policies: PolicyStore;
  readonly registry: SessionRegistry;
  readonly policy: EffectivePolicy;
  readonly watch: DecisionWatch;
}

/** The real parts, put together as the bastion does, with a session's connection left out. */
class World {
  readonly clock = new FakeClock(START_MS);
  readonly #audit = new MemoryAudit();
  readonly #finishing = new Set<Promise<void>>();
  readonly alive = new Map<number, Session>();
  #running: Running | undefined;
  readonly dir: string;
  readonly #database: Database;

  constructor(dir: string, database: Database) {
    this.dir = dir;
    this.#database = database;
  }

  get running(): Running {
    if (this.#running === undefined) throw new Error('nothing runs');
    return this.#running;
  }

  async start(): Promise<void> {
    const { clock, dir } = this;
    const common = { audit: this.#audit, clock, log: silentLogger() };
    const path = join(dir, 'policy.yaml');
    const policies = await PolicyStore.open({ ...common, path, database: this.#database });
    const registry = new SessionRegistry({ ...common, store: new SessionStore(this.#database) });
    const machine = () => ({ bootId: 'boot', uptimeMs: clock.monotonicMs() });
    const gate = await Gate.open({ ...common, dataDir: dir, name: 'acme', machine });
    const policy = new EffectivePolicy(policies, () => gate.outsideWindows);
    const recheck = (): void =>
      registry.recheck({ policy: policy.policy, labelsOf: () => ({}), grantsOf: () => [] });
    policies.onChange(recheck);
    gate.onChange(({ state }) => state === 'on' && recheck());
    const watch = new DecisionWatch({ sessions: () => registry.live, recheck, clock });
    this.#running = { gate, policies, registry, policy, watch };
  }

  async stop(): Promise<void> {
    const { registry, gate, watch } = this.running;
    registry.endAll({ code: 'bastion.stopped', message: 'stopped' });
    gate.stop('stopped');
    watch.close();
    await this.settle();
    registry.close();
  }

  /** True when the operator gets in. */
  begin(number: number, operator: Operator): boolean {
    const { gate, policy, registry } = this.running;
    const answer = gate.admit();
    if (!answer.open) return false;
    const who = { operator, groups: GROUPS[operator], amr: ['mfa'], host: 'web-1', login: 'deploy' };
    const decision = decide(policy.policy, requestOf(who, {}, { kind: 'login' }, this.clock));
    if (!decision.allow || registry.refusal(operator, decision.limits) !== undefined) return false;
    const session = registry.create({ ...who, passId: `p-${number}` });
    session.decidedUntilMs = decision.untilMs ?? Number.POSITIVE_INFINITY;
    this.alive.set(number, session);
    answer.signal.addEventListener('abort', () => session.end({ code: 'access.off', message: 'off' }));
    session.signal.addEventListener('abort', () => {
      this.alive.delete(number);
      const finished = registry.finish(session, { code: 'test', message: 'test' });
      this.#finishing.add(finished);
      void finished.then(() => this.#finishing.delete(finished));
    });
    return true;
  }

  async settle(): Promise<void> {
    await Promise.all(this.#finishing);
  }
}

type Step =
  | { readonly kind: 'on'; readonly seconds: number | undefined; readonly outside: boolean }
  | { readonly kind: 'off' | 'remove' | 'restart' }
  | { readonly kind: 'apply'; readonly roles: readonly RoleName[] }
  | { readonly kind: 'wait'; readonly minutes: number }
  | { readonly kind: 'jump'; readonly minutes: number }
  | { readonly kind: 'begin'; readonly operator: Operator };

class Command implements fc.AsyncCommand<Model, World> {
  readonly #step: Step;

  constructor(step: Step) {
    this.#step = step;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, world: World): Promise<void> {
    await take(this.#step, model, world);
    // Whatever happened has had its second by then.
    world.clock.advance(SECOND_MS);
    model.pass(world.clock);
    await world.settle();
    expect([...world.alive.keys()].sort()).toEqual(model.alive.map(({ number }) => number).sort());
    expect(world.running.gate.admit().open).toBe(model.opening !== undefined);
  }

  toString(): string {
    return JSON.stringify(this.#step);
  }
}

async function take(step: Step, model: Model, world: World): Promise<void> {
  const { clock } = world;
  switch (step.kind) {
    case 'on': {
      const outside = step.outside && step.seconds !== undefined;
      const forMs = step.seconds === undefined ? undefined : step.seconds * SECOND_MS;
      await world.running.gate.turnOn('admin:carol', {
        ...(forMs === undefined ? {} : { forMs }),
        outsideWindows: outside,
      });
      const lastsMs = forMs ?? Number.POSITIVE_INFINITY;
      const sinceMs = clock.nowMs();
      model.opening = {
        sinceMs,
        wallUntilMs: sinceMs + lastsMs,
        untilMs: clock.monotonicMs() + lastsMs,
        outside,
      };
      model.pass(clock);
      return;
    }
    case 'off':
      await world.running.gate.turnOff('admin:carol');
      model.opening = undefined;
      return;
    case 'remove':
      rmSync(join(world.dir, 'access.json'), { force: true });
      model.opening = undefined;
      return;
    case 'restart': {
      await world.stop();
      await world.start();
      model.alive = [];
      const { opening } = model;
      // An opening of the future with an end can not be trusted: the clock was set back.
      if (opening !== undefined && Number.isFinite(opening.wallUntilMs) && opening.sinceMs > clock.nowMs())
        model.opening = undefined;
      return;
    }
    case 'apply':
      await world.running.policies.apply('admin:carol', policyOf(step.roles));
      model.roles = step.roles;
      return;
    case 'wait':
      // In pieces that are shorter than anything opens or closes.
      for (let left = step.minutes; left > 0; left -= 30) {
        clock.advance(Math.min(left, 30) * MINUTE_MS);
        model.pass(clock);
      }
      return;
    case 'jump':
      clock.jumpTo(clock.nowMs() + step.minutes * MINUTE_MS);
      return;
    case 'begin': {
      model.pass(clock);
      const number = ++model.started;
      const allowing = model.opening === undefined ? [] : model.allowing(step.operator, clock.nowMs());
      const room = Math.max(0, ...allowing.map((name) => ROLES[name].limit));
      const own = model.alive.filter(({ operator }) => operator === step.operator).length;
      const expected = allowing.length > 0 && own < room;
      expect(world.begin(number, step.operator)).toBe(expected);
      if (expected) model.alive.push({ number, operator: step.operator });
    }
  }
}

const anyStep: fc.Arbitrary<Step> = fc.oneof(
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
    arbitrary: fc.record({ kind: fc.constantFrom('off' as const, 'remove' as const, 'restart' as const) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('apply' as const),
      roles: fc.subarray<RoleName>(['office', 'night', 'contract']),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 900 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('jump' as const),
      minutes: fc.integer({ min: -1500, max: 1500 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('begin' as const),
      operator: fc.constantFrom<Operator>('alice', 'bob', 'carol'),
    }),
  },
);

test('whatever is switched, applied, restarted and however the clock goes: exactly the allowed sessions are alive', async () => {
  const { path, remove } = createTemporaryDirectory();
  let runs = 0;
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.commands([anyStep.map((step) => new Command(step))], { maxCommands: 40 }),
        async (commands) => {
          const dir = join(path, String(++runs));
          mkdirSync(dir);
          writeFileSync(join(dir, 'policy.yaml'), policyOf([]));
          const database = await Database.open(join(dir, 'bastion.db'), {
            migrations: BASTION_MIGRATIONS,
            synchronous: 'NORMAL',
          });
          const world = new World(dir, database);
          await world.start();
          try {
            await fc.asyncModelRun(() => ({ model: new Model(), real: world }), commands);
          } finally {
            await world.stop();
            await database.close();
          }
        },
      ),
      { numRuns: 30 },
    );
  } finally {
    remove();
  }
}, 60_000);
