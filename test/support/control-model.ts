import type { FakeClock } from './fake-clock.ts';

export const START_MS = Date.parse('2030-01-01T12:00:00.000Z');
export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const OFFICE_LIMIT = 2;
const APPROVAL_WAIT_MS = 10 * MINUTE_MS;

export const GROUPS = { alice: ['a'], bob: ['b'], carol: ['a', 'b'] } as const;
export type Operator = keyof typeof GROUPS;

/** What a role of the test says, in the policy's language and, told apart from it, in plain arithmetic. */
const ROLES = {
  /** Office hours, over which so many sessions at once. */
  office: {
    group: 'a',
    yaml: `windows: [{ from: '08:00', to: '18:00' }], limits: { sessions: ${OFFICE_LIMIT} }`,
    open: (nowMs: number, outside: boolean) => {
      const minute = Math.floor(nowMs / MINUTE_MS) % 1440;
      return outside || (minute >= 480 && minute < 1080);
    },
    limit: OFFICE_LIMIT,
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
  /** With the customer's word, of one or two people. */
  asked: { group: 'b', yaml: '', open: () => true, limit: Number.POSITIVE_INFINITY },
  /** A second one that needs it, which the first one's grants don't serve. */
  vault: { group: 'a', yaml: '', open: () => true, limit: Number.POSITIVE_INFINITY },
} as const;
export type RoleName = keyof typeof ROLES;
export const ROLE_NAMES = Object.keys(ROLES) as RoleName[];

const NEEDS_APPROVAL: readonly RoleName[] = ['asked', 'vault'];

/** The roles in force, and how many people those that need an approval ask. */
export interface TestRules {
  readonly roles: readonly RoleName[];
  readonly approvers: 1 | 2;
}

export function policyOf({ roles, approvers }: TestRules): string {
  const approval = `approval: { for: 2h, wait: ${APPROVAL_WAIT_MS / MINUTE_MS}m, approvers: ${approvers} }`;
  const lines = roles.map((name) => {
    const { group, yaml } = ROLES[name];
    const more = NEEDS_APPROVAL.includes(name) ? approval : yaml;
    return `  - { name: ${name}, groups: [${group}], hosts: { names: ['*'] }, logins: [deploy], allow: [shell], ${more} }\n`;
  });
  return lines.length === 0 ? 'version: 1\nroles: []\n' : `version: 1\nroles:\n${lines.join('')}`;
}

interface ModelSession {
  readonly number: number;
  readonly operator: Operator;
  /** The role whose approval it waits for; nothing goes on in it until then. */
  waitsFor: RoleName | undefined;
}

interface ModelRequest {
  readonly operator: Operator;
  readonly role: RoleName;
  readonly approvers: number;
  readonly deadlineMs: number;
  readonly given: { readonly who: string; readonly forMs: number }[];
}

interface ModelGrant {
  readonly operator: Operator;
  readonly role: RoleName;
  readonly approvers: number;
  readonly grantedAtMs: number;
  readonly wallUntilMs: number;
  /** By the running time: as it was granted, and as this start of the bastion counts it. */
  readonly bootUntilMs: number;
  untilMs: number;
}

/** What should be. It knows no more than what was commanded and what time it is. */
export class ControlModel {
  rules: TestRules = { roles: [], approvers: 1 };
  opening: { sinceMs: number; wallUntilMs: number; untilMs: number; outside: boolean } | undefined;
  alive: ModelSession[] = [];
  requests: ModelRequest[] = [];
  grants: ModelGrant[] = [];
  readonly locked = new Set<Operator>();
  started = 0;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  /** Roles by which the operator gets in, in the order of the policy. */
  allowing(operator: Operator): RoleName[] {
    const groups: readonly string[] = GROUPS[operator];
    const outside = this.opening?.outside ?? false;
    const nowMs = this.#clock.nowMs();
    return this.rules.roles.filter(
      (name) => groups.includes(ROLES[name].group) && ROLES[name].open(nowMs, outside),
    );
  }

  /** Whether something may go on in a session: by a role without approval, or with one. */
  mayAct(operator: Operator): boolean {
    return this.allowing(operator).some(
      (role) => !NEEDS_APPROVAL.includes(role) || this.#isGranted(operator, role),
    );
  }

  #isGranted(operator: Operator, role: RoleName): boolean {
    const needed = this.rules.approvers;
    return this.grants.some(
      (grant) => grant.operator === operator && grant.role === role && grant.approvers >= needed,
    );
  }

  /** Whether another session of the operator begins; then it is there. */
  begin(operator: Operator): boolean {
    this.pass();
    const number = ++this.started;
    const allowing = this.allowing(operator);
    if (this.opening === undefined || this.locked.has(operator) || allowing.length === 0) return false;
    const room = Math.max(...allowing.map((name) => ROLES[name].limit));
    if (this.alive.filter((session) => session.operator === operator).length >= room) return false;
    const waitsFor = this.mayAct(operator)
      ? undefined
      : allowing.find((role) => NEEDS_APPROVAL.includes(role));
    this.alive.push({ number, operator, waitsFor });
    if (waitsFor !== undefined && this.#requestOf(operator, waitsFor) === undefined) {
      const deadlineMs = this.#clock.monotonicMs() + APPROVAL_WAIT_MS;
      const { approvers } = this.rules;
      this.requests.push({ operator, role: waitsFor, approvers, deadlineMs, given: [] });
    }
    return true;
  }

  /** One person's yes; false when that person may not give it. */
  approve(request: ModelRequest, who: string, forMs: number): boolean {
    if (who === request.operator || request.given.some((one) => one.who === who)) return false;
    request.given.push({ who, forMs });
    if (request.given.length < request.approvers) return true;
    const lastsMs = Math.min(...request.given.map((one) => one.forMs));
    const untilMs = this.#clock.monotonicMs() + lastsMs;
    const { operator, role, approvers } = request;
    const grantedAtMs = this.#clock.nowMs();
    this.grants.push({
      ...{ operator, role, approvers, grantedAtMs, untilMs },
      wallUntilMs: grantedAtMs + lastsMs,
      bootUntilMs: untilMs,
    });
    this.requests = this.requests.filter((one) => one !== request);
    this.alive = this.alive.filter((session) => {
      if (session.operator !== operator || session.waitsFor !== role) return true;
      session.waitsFor = undefined;
      return this.mayAct(operator);
    });
    return true;
  }

  refuse(request: ModelRequest): void {
    this.requests = this.requests.filter((one) => one !== request);
    this.pass();
  }

  lock(operator: Operator): void {
    this.locked.add(operator);
    this.pass();
  }

  /** Ends sessions without taking anything from what may begin again. */
  end(which: (session: ModelSession) => boolean): void {
    this.alive = this.alive.filter((session) => !which(session));
    this.pass();
  }

  /** Nothing lives on but what was stored and still holds. */
  restart(): void {
    const [nowMs, monotonicMs] = [this.#clock.nowMs(), this.#clock.monotonicMs()];
    this.alive = [];
    this.requests = [];
    // What begins in the future can not be trusted: the clock was set back.
    this.grants = this.grants.filter((grant) => grant.grantedAtMs <= nowMs);
    for (const grant of this.grants)
      grant.untilMs = Math.min(grant.bootUntilMs, monotonicMs + grant.wallUntilMs - nowMs);
    const { opening } = this;
    if (opening !== undefined && Number.isFinite(opening.wallUntilMs) && opening.sinceMs > nowMs)
      this.opening = undefined;
    this.pass();
  }

  /** What time, and whatever has just happened, has done. */
  pass(): void {
    const { opening } = this;
    const [nowMs, monotonicMs] = [this.#clock.nowMs(), this.#clock.monotonicMs()];
    if (opening !== undefined && (nowMs >= opening.wallUntilMs || monotonicMs >= opening.untilMs))
      this.opening = undefined;
    this.grants = this.grants.filter((grant) => nowMs < grant.wallUntilMs && monotonicMs < grant.untilMs);
    this.requests = this.requests.filter(({ deadlineMs }) => monotonicMs < deadlineMs);
    this.alive = this.alive.filter(({ operator, waitsFor }) => {
      if (this.opening === undefined || this.locked.has(operator)) return false;
      if (waitsFor === undefined) return this.mayAct(operator);
      return this.allowing(operator).length > 0 && this.#requestOf(operator, waitsFor) !== undefined;
    });
    // Nobody waits for the answer any more.
    this.requests = this.requests.filter(({ operator, role }) =>
      this.alive.some((session) => session.operator === operator && session.waitsFor === role),
    );
  }

  /** Milliseconds until the next moment at which time alone changes something, windows left aside. */
  get nextChangeMs(): number {
    const [nowMs, monotonicMs] = [this.#clock.nowMs(), this.#clock.monotonicMs()];
    const { opening } = this;
    return Math.min(
      ...(opening === undefined ? [] : [opening.wallUntilMs - nowMs, opening.untilMs - monotonicMs]),
      ...this.grants.flatMap((grant) => [grant.wallUntilMs - nowMs, grant.untilMs - monotonicMs]),
      ...this.requests.map(({ deadlineMs }) => deadlineMs - monotonicMs),
    );
  }

  #requestOf(operator: Operator, role: RoleName): ModelRequest | undefined {
    return this.requests.find((request) => request.operator === operator && request.role === role);
  }
}
