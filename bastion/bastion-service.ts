import { wholeLinesSize } from '../recordings/cast-reader.ts';
import { type KeyframeAt, liveRecording } from '../recordings/live.ts';
import { openCheckpoint } from '../shared/audit/checkpoint-note.ts';
import { enterBeside } from '../shared/audit/enter-beside.ts';
import type { Actor, AuditEvent, AuditQuery, AuditSearchResult, AuditSource } from '../shared/audit/event.ts';
import type { AuditLog } from '../shared/audit/log.ts';
import type { VerifyReport } from '../shared/audit/verify.ts';
import type { Clock } from '../shared/clock.ts';
import { DrawbridgeError } from '../shared/errors.ts';
import type { NodeIdentity } from '../shared/identity/node-identity.ts';
import { saidText } from '../shared/plain-text.ts';
import type { EvidenceHealth } from './admission/evidence-health.ts';
import type { Gate } from './gate/gate.ts';
import type { AgentEnrolment } from './hosts/agent-enrolment.ts';
import type { AgentStore } from './hosts/agent-store.ts';
import type { HostDirectory } from './hosts/host-directory.ts';
import { keptRecording } from './retention/kept-recording.ts';
import { logProblem } from './sealing/log-problem.ts';
import type { LogVerification, VerifyProgress } from './sealing/log-verification.ts';
import type {
  AccessChange,
  AccessStatus,
  AuditProof,
  BastionService,
  BastionStatus,
  CreatedToken,
  HostSummary,
  LiveRecordingEvent,
  RecordingSummary,
  RecordingUse,
  SessionNames,
  SessionQuery,
  SessionSummary,
  UplinkSummary,
} from './service.ts';
import type { SessionRegistry } from './sessions/session-registry.ts';
import type { SessionStore } from './sessions/session-store.ts';
import type { ShipSummary } from './shipping/shipper.ts';
import type { Cosigned } from './witness/open-witness.ts';
import type { WitnessSummary } from './witness/witness-client.ts';

/** Longest message to an operator whose session is ended. */
const MESSAGE_LIMIT_CHARACTERS = 500;

export interface BastionServiceParts {
  readonly identity: NodeIdentity;
  readonly version: string;
  readonly startedAt: string;
  readonly gate: Gate;
  readonly registry: SessionRegistry;
  readonly sessions: SessionStore;
  readonly agents: AgentStore;
  readonly hosts: HostDirectory;
  /** How the hosts' own sshds have let the bastion in. */
  readonly signIns: { byHost(): ReadonlyMap<string, 'certificate' | 'key'> };
  readonly enrolment: AgentEnrolment;
  /** Appends go through it, so that it knows whether evidence can be written. */
  readonly evidence: EvidenceHealth;
  readonly audit: AuditSource & Pick<AuditLog, 'lastCheckpoint' | 'search' | 'inclusionProof'>;
  readonly verification: LogVerification;
  readonly uplinks: () => readonly UplinkSummary[];
  /** One sentence when recordings can't be kept or deleted as configured. */
  readonly keepingWarning: () => string | undefined;
  readonly witness: () => WitnessSummary;
  /** Who counter-signs checkpoints, and the last one that they did. */
  readonly cosigned: () => Cosigned | undefined;
  readonly shipping: () => readonly ShipSummary[];
  /** Where who joins a long session late may begin. */
  readonly keyframeAt: (session: string, channel: number, offsetBytes: number) => ReturnType<KeyframeAt>;
  readonly clock: Clock;
}

/** What administrators can do, whichever way they come. */
export class LocalBastionService implements BastionService {
  readonly #parts: BastionServiceParts;

  constructor(parts: BastionServiceParts) {
    this.#parts = parts;
  }

  async status(): Promise<BastionStatus> {
    const { identity, version, startedAt, gate, registry, sessions, hosts, evidence, audit, uplinks } =
      this.#parts;
    const all = hosts.all();
    const [
      head,
      checkpoint,
      changed,
      recordingsBytes,
      oldestRecordingAt,
      diskFreeBytes,
      problem,
      diskWarning,
    ] = await Promise.all([
      audit.head(),
      audit.lastCheckpoint(),
      logProblem(audit, this.#parts.clock),
      sessions.recordingsBytes(),
      sessions.oldestRecordingAt(),
      evidence.diskFreeBytes(),
      evidence.problem(),
      evidence.warning(),
    ]);
    const warning = diskWarning ?? this.#parts.keepingWarning();
    return {
      name: identity.name,
      id: identity.id,
      version,
      startedAt,
      access: gate.status,
      liveSessions: registry.size,
      hosts: { online: all.filter((host) => host.online).length, total: all.length },
      uplinks: uplinks(),
      evidence: {
        auditEvents: head.seq,
        auditHead: head.hash,
        ...(checkpoint === undefined ? {} : { lastCheckpointAt: checkpoint.time }),
        ...(changed === undefined ? {} : { logProblem: changed }),
        witness: this.#parts.witness(),
        shipping: this.#parts.shipping(),
        recordingsBytes,
        ...(oldestRecordingAt === undefined ? {} : { oldestRecordingAt }),
        diskFreeBytes,
        ...(problem === undefined ? {} : { problem }),
        ...(warning === undefined ? {} : { warning }),
      },
    };
  }

  async setAccess(actor: Actor, change: AccessChange): Promise<AccessStatus> {
    const { gate } = this.#parts;
    if (change.state === 'off') return gate.turnOff(actor, change.reason);
    const { state, ...options } = change;
    return gate.turnOn(actor, options);
  }

  listSessions(query: SessionQuery): Promise<readonly SessionSummary[]> {
    return this.#parts.registry.list(query);
  }

  getSession(id: string): Promise<SessionSummary | undefined> {
    return this.#parts.registry.find(id);
  }

  sessionNames(): Promise<SessionNames> {
    return this.#parts.sessions.names();
  }

  async #assertKnown(id: string): Promise<void> {
    if ((await this.#parts.registry.find(id)) !== undefined) return;
    throw new DrawbridgeError('session.not_found', `There is no session ${id.slice(0, 40)}.`, {
      hint: 'See which there are with drawbridge sessions ls.',
    });
  }

  async endSession(actor: Actor, id: string, message?: string): Promise<void> {
    const { registry } = this.#parts;
    if (registry.get(id) === undefined) await this.#assertKnown(id);
    const said = saidText(message, MESSAGE_LIMIT_CHARACTERS);
    const because = said === undefined ? '' : `: ${said}`;
    // The event that says who ended it is the session's own: ending must not wait for anything.
    registry.end(id, {
      code: 'session.ended_by_admin',
      message: `${this.#parts.identity.name} has ended this session${because}`,
      by: actor,
    });
  }

  async openRecording(
    actor: Actor,
    sessionId: string,
    channel = 1,
    use: RecordingUse = 'replay',
  ): Promise<{ path: string; sizeBytes: number }> {
    const { session, recording } = await keptRecording(this.#parts.registry, sessionId, channel);
    await this.#viewed(actor, session, recording, use);
    return { path: recording.path, sizeBytes: await wholeLinesSize(recording.path) };
  }

  async watchSession(
    actor: Actor,
    id: string,
    signal: AbortSignal,
  ): Promise<AsyncIterable<LiveRecordingEvent>> {
    const live = this.#parts.registry.get(id);
    if (live === undefined) {
      await this.#assertKnown(id);
      throw new DrawbridgeError('session.not_live', `The session ${id.slice(0, 40)} is not live.`, {
        hint: 'Replay its recording instead.',
      });
    }
    for (const channel of live.openChannels) {
      if (channel.recording === undefined) continue;
      const { session, recording } = await keptRecording(this.#parts.registry, id, channel.number);
      await this.#viewed(actor, session, recording, 'live');
      // Without an index, everything is shown from the start: that takes longer, and ends at the same screen.
      const keyframeAt: KeyframeAt = (offsetBytes) =>
        this.#parts.keyframeAt(id, channel.number, offsetBytes).catch(() => undefined);
      return liveRecording(recording.path, channel.recording, signal, keyframeAt);
    }
    throw new DrawbridgeError(
      'recording.not_found',
      'Nothing in this session is being recorded at this moment.',
      {
        hint: 'File transfers and forwards are counted and hashed; see the audit log.',
      },
    );
  }

  queryAudit(query: AuditQuery): Promise<readonly AuditEvent[]> {
    return this.#parts.audit.query(query);
  }

  searchAudit(text: string, query: AuditQuery): Promise<AuditSearchResult> {
    return this.#parts.audit.search(text, query);
  }

  async auditProof(seq: number): Promise<AuditProof> {
    const { audit, identity } = this.#parts;
    const last = await audit.lastCheckpoint();
    const { witness, checkpoint: cosigned } = this.#parts.cosigned() ?? {};
    const isWitnessed = cosigned !== undefined && seq <= cosigned.size && cosigned.size <= (last?.size ?? 0);
    const checkpoint = isWitnessed && isSignedBy(identity, cosigned.note) ? cosigned : last;
    if (checkpoint === undefined || seq < 1 || seq > checkpoint.size) {
      throw new DrawbridgeError('audit.not_sealed', `No checkpoint covers event ${seq} yet.`, {
        hint: 'One is signed at the end of each session and every few minutes: try again then.',
      });
    }
    const path = await audit.inclusionProof(seq, checkpoint.size);
    return {
      note: checkpoint.note,
      path: path.map((hash) => hash.toString('base64')),
      key: identity.publicJwk.x,
      ...(witness === undefined
        ? {}
        : { witness: { id: witness.id, name: witness.name, key: witness.publicJwk.x } }),
    };
  }

  verifyAudit(onProgress: (progress: VerifyProgress) => void, signal: AbortSignal): Promise<VerifyReport> {
    return this.#parts.verification.run(onProgress, signal);
  }

  async exportAudit(actor: Actor): Promise<AsyncIterable<AuditEvent>> {
    const { seq } = await this.#parts.audit.head();
    await this.#parts.evidence.append({ type: 'audit.exported', actor, events: seq });
    return this.#parts.audit.all();
  }

  onAudit(listener: (event: AuditEvent) => void): () => void {
    return this.#parts.audit.subscribe(listener);
  }

  async listHosts(): Promise<readonly HostSummary[]> {
    const { hosts, signIns } = this.#parts;
    const by = signIns.byHost();
    return hosts.summaries().map((host) => {
      const signedInBy = by.get(host.id);
      return signedInBy === undefined ? host : { ...host, signedInBy };
    });
  }

  async revokeHost(actor: Actor, name: string): Promise<void> {
    const { agents, hosts, evidence, registry } = this.#parts;
    const agent = await agents.findByName(name);
    if (agent === undefined) {
      throw new DrawbridgeError('host.not_found', `There is no host ${name.slice(0, 63)} with an agent.`);
    }
    // Cut first: whatever is wrong with disk or log, a host that is not trusted any more is gone.
    const message = `The host ${name} was revoked.`;
    hosts.remove(name, 'agent.revoked', message);
    registry.endOnHost(name, { code: 'host.revoked', message });
    const event = { type: 'agent.revoked', actor, host: name, agent: agent.id } as const;
    const entered = enterBeside(evidence, event);
    await agents.revoke(name);
    await entered;
  }

  createJoinToken(
    actor: Actor,
    options: { name: string; labels?: Record<string, string> },
  ): Promise<CreatedToken> {
    return this.#parts.enrolment.createToken(actor, options);
  }

  async #viewed(
    actor: Actor,
    session: SessionSummary,
    recording: RecordingSummary,
    how: RecordingUse | 'live',
  ): Promise<void> {
    await this.#parts.evidence.append({
      type: 'recording.viewed',
      actor,
      operator: session.operator,
      session: session.id,
      host: session.host,
      login: session.login,
      channel: recording.channel,
      how,
    });
  }
}

/** False for a checkpoint of before the bastion got another key, which nobody can check who has the new one alone. */
function isSignedBy({ publicJwk, id }: NodeIdentity, note: string): boolean {
  try {
    openCheckpoint(note, publicJwk, id);
    return true;
  } catch {
    return false;
  }
}
