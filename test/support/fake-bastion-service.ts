import { createHash, randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerifyProgress } from '../../bastion/sealing/log-verification.ts';
import type {
  AuditProof,
  BastionService,
  BastionStatus,
  HostSummary,
  LiveRecordingEvent,
  RecordingSummary,
  RecordingUse,
  SessionQuery,
  SessionSummary,
} from '../../bastion/service.ts';
import { AgeBody } from '../../recordings/encryption/age-body.ts';
import type { AgeRecipient } from '../../recordings/encryption/age-recipient.ts';
import type { Actor, AuditEvent, AuditEventInput, AuditQuery, AuditSink } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What a test says of a session; the rest is made up. */
export interface FakeSession {
  readonly operator?: string;
  readonly host?: string;
  readonly login?: string;
  readonly state?: SessionSummary['state'];
  readonly startedAt?: string;
  readonly durationMs?: number;
  readonly kind?: RecordingSummary['kind'];
  readonly command?: string;
  /** Events of the cast; without it a short greeting. */
  readonly cast?: readonly (readonly [seconds: number, code: string, data: string])[];
  /** Encrypted to this key; without its end when the session was interrupted. */
  readonly encryptTo?: AgeRecipient;
}

const GENESIS = '0'.repeat(64);

/**
 * A bastion in memory that behaves like one: the switch cuts sessions, everything is in its audit log, recordings are
 * files in `dir`. For tests of what stands on {@link BastionService}.
 */
export class FakeBastionService implements BastionService, AuditSink {
  readonly events: AuditEvent[] = [];
  readonly sessions: Mutable<SessionSummary>[] = [];
  readonly hosts: Mutable<HostSummary>[] = [];
  /** When set, `status` says that evidence can not be written. */
  evidenceProblem: string | undefined;
  /** When set, the next call of `status` throws it. */
  nextFailure: unknown;
  readonly #dir: string;
  readonly #listeners = new Set<(event: AuditEvent) => void>();
  readonly #watchers = new Map<string, Set<(event: LiveRecordingEvent) => void>>();
  #access: Mutable<BastionStatus['access']> = {
    state: 'on',
    since: '2026-01-05T08:00:00.000Z',
    by: 'admin:carol',
    reason: 'Upgrade to 4.2',
  };

  constructor(dir: string) {
    this.#dir = dir;
  }

  async append(input: AuditEventInput): Promise<AuditEvent> {
    const prev = this.events.at(-1)?.hash ?? GENESIS;
    const body = {
      ...input,
      seq: this.events.length + 1,
      id: randomUUID(),
      time: new Date().toISOString(),
      prev,
    };
    const event: AuditEvent = {
      ...body,
      hash: createHash('sha256').update(JSON.stringify(body)).digest('hex'),
    };
    this.events.push(event);
    for (const listener of this.#listeners) listener(event);
    return event;
  }

  /** Puts a session with one recording into the store, and its events into the log. */
  async addSession(session: FakeSession = {}): Promise<SessionSummary> {
    const id = `s-${randomUUID().slice(0, 13)}`;
    const startedAt = session.startedAt ?? new Date().toISOString();
    const state = session.state ?? 'ended';
    const kind = session.kind ?? 'shell';
    const cast = session.cast ?? [[0.2, 'o', 'Welcome to the demo\r\n$ ']];
    const path = join(this.#dir, `${id}-1.cast${session.encryptTo === undefined ? '' : '.age'}`);
    const header = { version: 2, width: 80, height: 24, timestamp: Math.floor(Date.parse(startedAt) / 1000) };
    const text = [header, ...cast].map((line) => `${JSON.stringify(line)}\n`).join('');
    await writeFile(path, contentOf(text, session), { mode: 0o600 });
    const durationMs = session.durationMs ?? Math.round((cast.at(-1)?.[0] ?? 0) * 1000);
    const command = session.command === undefined ? {} : { command: session.command };
    const ended = state === 'live' ? undefined : new Date(Date.parse(startedAt) + durationMs).toISOString();
    const who = {
      operator: session.operator ?? 'alice',
      host: session.host ?? 'web-1',
      login: session.login ?? 'deploy',
    };
    const summary: SessionSummary = {
      id,
      ...who,
      source: '203.0.113.7',
      state,
      startedAt,
      bytesIn: 420,
      bytesOut: text.length,
      recordings: [
        {
          channel: 1,
          kind,
          ...command,
          startedAt,
          sizeBytes: statSync(path).size,
          path,
          encrypted: session.encryptTo !== undefined,
          state: state === 'live' ? 'recording' : 'closed',
          ...(ended === undefined
            ? {}
            : { durationMs, sha256: createHash('sha256').update(text).digest('hex') }),
        },
      ],
      ...(ended === undefined
        ? {}
        : { endedAt: ended, endReason: state === 'ended' ? 'operator left' : 'the bastion was interrupted' }),
    };
    this.sessions.unshift(summary);
    const actor = `operator:${who.operator}` as const;
    await this.append({ type: 'session.started', actor, session: id, ...who });
    await this.append({
      type: kind === 'exec' ? 'exec.started' : 'shell.started',
      actor,
      session: id,
      channel: 1,
      ...who,
      ...command,
    });
    if (ended !== undefined) await this.append({ type: 'session.ended', actor, session: id, ...who });
    return summary;
  }

  addHost(host: Partial<HostSummary> & { readonly name: string }): void {
    this.hosts.push({
      id: `a-${host.name}`,
      online: true,
      via: 'agent',
      target: 'builtin',
      labels: {},
      version: '0.1.0',
      platform: 'linux-x64',
      joinedAt: '2026-01-02T09:00:00.000Z',
      lastSeenAt: new Date().toISOString(),
      ...host,
    });
  }

  /** Output of a live session, as its watchers see it. */
  emitLive(sessionId: string, event: LiveRecordingEvent): void {
    for (const watcher of this.#watchers.get(sessionId) ?? []) watcher(event);
  }

  watcherCount(sessionId: string): number {
    return this.#watchers.get(sessionId)?.size ?? 0;
  }

  async status(): Promise<BastionStatus> {
    if (this.nextFailure !== undefined) {
      const failure = this.nextFailure;
      this.nextFailure = undefined;
      throw failure;
    }
    const online = this.hosts.filter((host) => host.online).length;
    return {
      name: 'acme',
      id: 'b-acme',
      version: '0.1.0',
      startedAt: '2026-01-05T07:58:00.000Z',
      access: this.#access,
      liveSessions: this.#live().length,
      hosts: { online, total: this.hosts.length },
      uplinks: [0, 1].map(() => ({
        proxy: 'proxy.vendor.example',
        state: this.#access.state === 'on' ? ('connected' as const) : ('off' as const),
        since: this.#access.since,
        streams: this.#live().length,
        ...(this.#access.state === 'on' ? { rttMs: 18 } : {}),
      })),
      evidence: {
        auditEvents: this.events.length,
        auditHead: this.events.at(-1)?.hash ?? GENESIS,
        lastCheckpointAt: new Date(Date.now() - 240_000).toISOString(),
        witness: { state: 'none' },
        shipping: [],
        recordingsBytes: this.sessions.reduce(
          (sum, { recordings }) => sum + (recordings[0]?.sizeBytes ?? 0),
          0,
        ),
        diskFreeBytes: 41_300_000_000,
        ...(this.evidenceProblem === undefined ? {} : { problem: this.evidenceProblem }),
      },
    };
  }

  async setAccess(actor: Actor, change: { state: 'on' | 'off'; forMs?: number; reason?: string }) {
    const reason = change.reason === undefined ? {} : { reason: change.reason };
    const until =
      change.forMs === undefined ? {} : { until: new Date(Date.now() + change.forMs).toISOString() };
    await this.append({ type: `access.turned_${change.state}`, actor, ...reason, ...until });
    this.#access = { state: change.state, since: new Date().toISOString(), by: actor, ...reason, ...until };
    if (change.state === 'off') {
      for (const session of this.#live()) await this.#end(actor, session, 'access was turned off');
    }
    return this.#access;
  }

  async listSessions(query: SessionQuery) {
    return this.sessions
      .filter(
        (session) =>
          (query.live === undefined || query.live === (session.state === 'live')) &&
          (query.operator === undefined || session.operator === query.operator) &&
          (query.host === undefined || session.host === query.host) &&
          (query.login === undefined || session.login === query.login) &&
          (query.kind === undefined || session.recordings.some(({ kind }) => kind === query.kind)) &&
          (query.from === undefined || session.startedAt >= query.from) &&
          (query.to === undefined || session.startedAt <= query.to) &&
          (query.before === undefined || session.startedAt < query.before),
      )
      .sort((a, b) => b.startedAt.localeCompare(a.startedAt))
      .slice(0, query.limit);
  }

  async sessionNames() {
    const named = (pick: (session: SessionSummary) => string) => [...new Set(this.sessions.map(pick))].sort();
    return {
      operators: named(({ operator }) => operator),
      hosts: named(({ host }) => host),
      logins: named(({ login }) => login),
    };
  }

  async getSession(id: string) {
    return this.sessions.find((session) => session.id === id);
  }

  async endSession(actor: Actor, id: string, message?: string) {
    const session = this.#session(id);
    if (session.state !== 'live') {
      throw new DrawbridgeError('session.not_live', 'This session has ended already.');
    }
    await this.#end(actor, session, message ?? 'ended by an administrator');
  }

  async openRecording(actor: Actor, sessionId: string, channel = 1, use: RecordingUse = 'replay') {
    const recording = this.#session(sessionId).recordings.find((one) => one.channel === channel);
    if (recording === undefined)
      throw new DrawbridgeError('recording.not_found', 'There is no such recording.');
    await this.append({ type: 'recording.viewed', actor, session: sessionId, channel, how: use });
    return { path: recording.path, sizeBytes: recording.sizeBytes };
  }

  async watchSession(actor: Actor, id: string, signal: AbortSignal) {
    if (this.#session(id).state !== 'live') {
      throw new DrawbridgeError('session.not_live', 'This session has ended already.');
    }
    await this.append({ type: 'recording.viewed', actor, session: id, live: true });
    return this.#watch(id, signal);
  }

  async queryAudit(query: AuditQuery) {
    const found = this.events.filter(
      (event) =>
        (query.after === undefined || event.seq > query.after) &&
        (query.before === undefined || event.seq < query.before) &&
        (query.type === undefined || event.type === query.type) &&
        (query.session === undefined || event.session === query.session) &&
        (query.operator === undefined || event.operator === query.operator) &&
        (query.host === undefined || event.host === query.host) &&
        (query.from === undefined || event.time >= query.from) &&
        (query.to === undefined || event.time <= query.to),
    );
    return (query.newestFirst === true ? found.reverse() : found).slice(0, query.limit);
  }

  async searchAudit(text: string, query: AuditQuery) {
    const found = await this.queryAudit({ ...query, limit: this.events.length });
    const events = found.filter((event) => JSON.stringify(event).toLowerCase().includes(text.toLowerCase()));
    return { events: events.slice(0, query.limit) };
  }

  async auditProof(seq: number): Promise<AuditProof> {
    throw new DrawbridgeError('audit.not_sealed', `No checkpoint covers event ${seq} yet.`);
  }

  async verifyAudit(onProgress: (progress: VerifyProgress) => void) {
    const of = this.events.length;
    onProgress({ events: Math.ceil(of / 2), of });
    const lines = [{ ok: true, text: `${of} events fit together.` }];
    return { ok: true, events: of, head: GENESIS, checkpoints: 3, unsigned: 0, recordings: 0, lines };
  }

  async exportAudit(actor: Actor) {
    await this.append({ type: 'audit.exported', actor });
    const events = [...this.events];
    return (async function* () {
      yield* events;
    })();
  }

  onAudit(listener: (event: AuditEvent) => void) {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async listHosts() {
    return this.hosts;
  }

  async revokeHost(actor: Actor, name: string) {
    const index = this.hosts.findIndex((host) => host.name === name);
    if (index < 0) throw new DrawbridgeError('host.not_found', `There is no host named "${name}".`);
    await this.append({ type: 'agent.revoked', actor, host: name });
    this.hosts.splice(index, 1);
  }

  async createJoinToken(actor: Actor, options: { name: string; labels?: Record<string, string> }) {
    await this.append({ type: 'token.created', actor, host: options.name });
    const token = `dbj1.${randomUUID().replaceAll('-', '')}.${randomUUID().replaceAll('-', '')}`;
    return {
      token,
      name: options.name,
      expiresAt: new Date(Date.now() + 1_800_000).toISOString(),
      command: `drawbridge agent join https://bastion.acme.example ${token} --name ${options.name} --install`,
    };
  }

  #live() {
    return this.sessions.filter((session) => session.state === 'live');
  }

  #session(id: string) {
    const session = this.sessions.find((one) => one.id === id);
    if (session === undefined) throw new DrawbridgeError('session.not_found', 'There is no such session.');
    return session;
  }

  async #end(actor: Actor, session: Mutable<SessionSummary>, reason: string) {
    session.state = 'ended';
    session.endedAt = new Date().toISOString();
    session.endReason = reason;
    session.recordings = session.recordings.map((recording) => ({
      ...recording,
      state: 'closed',
      durationMs: Date.now() - Date.parse(recording.startedAt),
    }));
    this.emitLive(session.id, { kind: 'end' });
    const { operator, host, login } = session;
    await this.append({ type: 'session.ended', actor, session: session.id, operator, host, login, reason });
  }

  async *#watch(id: string, signal: AbortSignal): AsyncGenerator<LiveRecordingEvent> {
    const queue: LiveRecordingEvent[] = [{ kind: 'header', header: { version: 2, width: 80, height: 24 } }];
    let wake = () => {};
    const watcher = (event: LiveRecordingEvent) => {
      queue.push(event);
      wake();
    };
    const watchers = this.#watchers.get(id) ?? new Set();
    this.#watchers.set(id, watchers.add(watcher));
    signal.addEventListener('abort', () => wake());
    try {
      while (!signal.aborted) {
        const event = queue.shift();
        if (event !== undefined) yield event;
        if (event?.kind === 'end') return;
        if (queue.length === 0 && !signal.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      watchers.delete(watcher);
    }
  }
}

function contentOf(text: string, { encryptTo, state }: FakeSession): string | Buffer {
  if (encryptTo === undefined) return text;
  const body = new AgeBody([encryptTo], {});
  if (state === 'interrupted') return Buffer.concat([body.beginning, body.seal(Buffer.from(text))]);
  const lastAt = text.lastIndexOf('\n', text.length - 2) + 1;
  const lines = body.seal(Buffer.from(text.slice(0, lastAt)));
  return Buffer.concat([body.beginning, lines, body.sealEnd(text.slice(lastAt, -1))]);
}
