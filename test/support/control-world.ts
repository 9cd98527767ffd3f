import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Decisions, openDecisions } from '../../bastion/approvals/open-decisions.ts';
import { Gate } from '../../bastion/gate/gate.ts';
import { decide } from '../../bastion/policy/decide.ts';
import { EffectivePolicy } from '../../bastion/policy/effective-policy.ts';
import { PolicyStore } from '../../bastion/policy/policy-store.ts';
import type { Session } from '../../bastion/sessions/session.ts';
import { requestOf } from '../../bastion/sessions/session-decision.ts';
import { SessionRegistry } from '../../bastion/sessions/session-registry.ts';
import { SessionStore } from '../../bastion/sessions/session-store.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import { silentLogger } from '../../shared/log.ts';
import type { Database } from '../../shared/store/database.ts';
import { GROUPS, type Operator, START_MS } from './control-model.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryAudit } from './memory-audit.ts';

interface Running {
  readonly gate: Gate;
  readonly policies: PolicyStore;
  readonly registry: SessionRegistry;
  readonly policy: EffectivePolicy;
  readonly decisions: Decisions;
  readonly steps: (() => Promise<void> | void)[];
}

/** Who vouches for an operator; each has a provider of their own here. */
export function issuerOf(operator: Operator): string {
  return `https://${operator}.example`;
}

/** The real parts that decide, put together as the bastion does, with a session's connections left out. */
export class ControlWorld {
  readonly clock = new FakeClock(START_MS);
  readonly #audit = new MemoryAudit();
  readonly #pending = new Set<Promise<void>>();
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
    const database = this.#database;
    const machine = () => ({ bootId: 'boot', uptimeMs: clock.monotonicMs() });
    const common = { audit: this.#audit, clock, log: silentLogger(), machine };
    const path = join(dir, 'policy.yaml');
    const policies = await PolicyStore.open({ ...common, path, database });
    const registry = new SessionRegistry({ ...common, store: new SessionStore(database) });
    const gate = await Gate.open({ ...common, dataDir: dir, name: 'acme' });
    const policy = new EffectivePolicy(policies, () => gate.outsideWindows);
    const steps: Running['steps'] = [];
    const decisions = await openDecisions({
      ...{ ...common, config: { sameAs: {} }, bastionName: 'acme', database, registry, policy, gate },
      egress: () => createEgress({}),
      labelsOf: () => ({}),
      teardown: { add: (step) => steps.push(step) },
    });
    policies.onChange(decisions.recheck);
    gate.onChange(({ state }) => state === 'on' && decisions.recheck());
    this.#running = { gate, policies, registry, policy, decisions, steps };
  }

  async stop(): Promise<void> {
    const { registry, gate, steps } = this.running;
    registry.endAll({ code: 'bastion.stopped', message: 'stopped' });
    gate.stop('stopped');
    for (const step of steps.reverse()) await step();
    await this.settle();
    registry.close();
  }

  /** True when the operator gets in. A shell begins, at once or when the customer has approved it. */
  begin(number: number, operator: Operator): boolean {
    const { gate, policy, registry, decisions } = this.running;
    const answer = gate.admit();
    if (!answer.open || decisions.locks.isLocked(operator)) return false;
    const who = { operator, groups: GROUPS[operator], amr: ['mfa'], host: 'web-1', login: 'deploy' };
    const decision = decide(policy.policy, requestOf(who, {}, { kind: 'login' }, this.clock));
    if (!decision.allow || registry.refusal(operator, decision.limits) !== undefined) return false;
    const session = registry.create({ ...who, passId: `p-${number}`, vouchedBy: issuerOf(operator) });
    session.decidedUntilMs = decision.untilMs ?? Number.POSITIVE_INFINITY;
    this.alive.set(number, session);
    answer.signal.addEventListener('abort', () => session.end({ code: 'access.off', message: 'off' }));
    session.signal.addEventListener('abort', () => {
      this.alive.delete(number);
      this.#track(registry.finish(session, { code: 'test', message: 'test' }));
    });
    this.#openShell(session);
    return true;
  }

  /** As a channel does it: asks the policy, and the customer where that says so; nobody stays who got a no. */
  #openShell(session: Session, mayAsk = true): void {
    const { policy, decisions } = this.running;
    const { operator, host, login, id } = session.identity;
    const grants = decisions.approvals.grantsOf(operator);
    const decision = decide(policy.policy, {
      ...requestOf(session.identity, {}, { kind: 'shell' }, this.clock),
      grants,
    });
    const refused = { code: 'test.refused', message: 'refused' };
    if (decision.allow) {
      session.channelOpened({ number: session.nextChannel(), action: { kind: 'shell' } });
    } else if (decision.approval !== undefined && mayAsk) {
      const ask = { operator, host, login, session: id, action: 'shell' };
      const asked = decisions.approvals.request(ask, decision.approval, session.signal);
      void asked.then((outcome) => {
        if (outcome.kind === 'granted' && session.phase.kind === 'live') this.#openShell(session, false);
        else session.end(refused);
      });
    } else session.end(refused);
  }

  #track(work: Promise<void>): void {
    this.#pending.add(work);
    void work.then(() => this.#pending.delete(work));
  }

  /** Whatever has been set going has come to its end. */
  async settle(): Promise<void> {
    await nextTurn();
    await Promise.all(this.#pending);
  }
}
