import type { Actor, AuditEvent, AuditQuery, AuditSearchResult } from '../shared/audit/event.ts';
import type { VerifyReport } from '../shared/audit/verify.ts';
import type { VerifyProgress } from './sealing/log-verification.ts';
import type { ShipSummary } from './shipping/shipper.ts';
import type { WitnessSummary } from './witness/witness-client.ts';

/** The gate as users see it. */
export interface AccessStatus {
  readonly state: 'on' | 'off';
  /** ISO time of the last change. */
  readonly since: string;
  readonly by: string;
  readonly reason?: string;
  /** ISO time at which it turns itself off. */
  readonly until?: string;
  /** True while operators are let in outside of the windows of the policy as well. */
  readonly outsideWindows?: boolean;
}

/** What to change the gate to. */
export interface AccessChange {
  readonly state: 'on' | 'off';
  /** Turn off by itself after so many milliseconds; only with `on`. */
  readonly forMs?: number;
  /** Turn off by itself at this time, in milliseconds since the epoch; only with `on`. */
  readonly untilMs?: number;
  readonly reason?: string;
  /** Let operators in outside of the windows of the policy as well; only with `on` and an end. */
  readonly outsideWindows?: boolean;
}

/** How a session stands. */
export type SessionState = 'live' | 'ended' | 'interrupted';

/** One recorded channel of a session. */
export interface RecordingSummary {
  /** Number of the channel in its session, from 1. */
  readonly channel: number;
  readonly kind: 'shell' | 'exec' | 'subsystem';
  readonly command?: string;
  readonly startedAt: string;
  readonly durationMs?: number;
  readonly sizeBytes: number;
  /** SHA-256 (hex) of the finished file. */
  readonly sha256?: string;
  /** Absolute path of the `.cast` or `.cast.age` file. */
  readonly path: string;
  /** Only who has the private key can read it. */
  readonly encrypted?: boolean;
  readonly state: 'recording' | 'closed' | 'interrupted';
  /** ISO time at which the file was deleted, by retention or by an administrator. */
  readonly deletedAt?: string;
}

/** One SSH session of an operator on a host. */
export interface SessionSummary {
  readonly id: string;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  /** Address of the operator as the proxy reports it. */
  readonly source?: string;
  readonly state: SessionState;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly endReason?: string;
  /** Bytes from the operator to the host and back, over all channels. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** ISO time at which bytes last moved; only of a live one. */
  readonly movedAt?: string;
  /** ISO time at which the customer's approval ends, when it goes on by one. */
  readonly grantedUntil?: string;
  readonly recordings: readonly RecordingSummary[];
}

/** What a session has to have in it: a shell, a command, or nothing that was recorded (files and forwards alone). */
export type SessionKind = 'shell' | 'exec' | 'unrecorded';

/** Who and where the stored sessions were, for filters to offer. */
export interface SessionNames {
  readonly operators: readonly string[];
  readonly hosts: readonly string[];
  readonly logins: readonly string[];
}

/** Which sessions to list; newest first. */
export interface SessionQuery {
  readonly live?: boolean;
  readonly operator?: string;
  readonly host?: string;
  readonly login?: string;
  readonly kind?: SessionKind;
  /** Only sessions that started at this ISO time or later. */
  readonly from?: string;
  /** Only sessions that started at this ISO time or earlier. */
  readonly to?: string;
  /** Only sessions that started before this ISO time (for paging), */
  readonly before?: string;
  /** and those that started at it whose id is smaller than this one. */
  readonly beforeId?: string;
  /** 1 to 500. */
  readonly limit: number;
}

/** A piece of a live recording: the lines of the asciicast file as they are written. */
export type LiveRecordingEvent =
  | { readonly kind: 'header'; readonly header: Readonly<Record<string, unknown>> }
  | { readonly kind: 'event'; readonly time: number; readonly code: string; readonly data: string }
  | { readonly kind: 'end' };

/** A host that operators can reach, or could. */
export interface HostSummary {
  readonly id: string;
  readonly name: string;
  readonly online: boolean;
  readonly via: 'agent' | 'direct';
  readonly target: 'builtin' | 'sshd';
  readonly labels: Readonly<Record<string, string>>;
  readonly version?: string;
  readonly platform?: string;
  /** ISO time. */
  readonly joinedAt: string;
  /** ISO time of the last sign of life. */
  readonly lastSeenAt?: string;
  /**
   * How its own sshd last let the bastion in, since the bastion was started: by a `certificate`, which names the operator
   * in that sshd's log, or by the bastion's plain `key`, which does not.
   */
  readonly signedInBy?: 'certificate' | 'key';
  /** Why it is offline: how the last tunnel of its agent ended, since the bastion was started. */
  readonly away?: { readonly code: string; readonly message: string };
}

/** A tunnel to the vendor's proxy. */
export interface UplinkSummary {
  readonly proxy: string;
  readonly state: 'connected' | 'connecting' | 'waiting' | 'off';
  readonly since: string;
  readonly rttMs?: number;
  readonly streams: number;
  /** Why it is not connected. */
  readonly problem?: string;
}

/** All that the overview shows. */
export interface BastionStatus {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly startedAt: string;
  readonly access: AccessStatus;
  readonly liveSessions: number;
  readonly hosts: { readonly online: number; readonly total: number };
  readonly uplinks: readonly UplinkSummary[];
  readonly evidence: {
    readonly auditEvents: number;
    readonly auditHead: string;
    readonly lastCheckpointAt?: string;
    /** A sentence when the log was lately found to be changed by somebody else. */
    readonly logProblem?: string;
    /** Whether the vendor's proxy has counter-signed what the log holds. */
    readonly witness: WitnessSummary;
    /** Where the audit log is shipped to, and how far. */
    readonly shipping: readonly ShipSummary[];
    readonly recordingsBytes: number;
    /** ISO time. */
    readonly oldestRecordingAt?: string;
    readonly diskFreeBytes: number;
    /** A sentence when evidence can't be written: then no session is admitted. */
    readonly problem?: string;
    /** A sentence when that is near, or when recordings can't be deleted as configured. */
    readonly warning?: string;
  };
}

/** That an event is under a signed checkpoint. */
export interface AuditProof {
  /** The checkpoint, a signed note (C2SP tlog-checkpoint). */
  readonly note: string;
  /** Hashes of the audit path from the event to the root (RFC 9162, 2.1.3.1), base64, nearest first. */
  readonly path: readonly string[];
  /** Public key of the bastion as it is now: Ed25519, base64url. */
  readonly key: string;
  /** The vendor's proxy as it is pinned, which counter-signs; the note has its signature once it has got to the event. */
  readonly witness?: { readonly id: string; readonly name: string; readonly key: string };
}

/** What somebody does with a recording that is handed out. */
export type RecordingUse = 'replay' | 'verify';

/** A join token as it is shown, once. */
export interface CreatedToken {
  readonly token: string;
  readonly name: string;
  readonly expiresAt: string;
  /** The line to paste on the host. */
  readonly command: string;
}

/**
 * All that an administrator can do, by whatever way they come (page, API, control socket). Every method that
 * changes or reveals something writes its audit event before it acts.
 */
export interface BastionService {
  status(): Promise<BastionStatus>;
  /** @throws `access.not_stored` when the state could not be stored; off takes effect all the same. */
  setAccess(actor: Actor, change: AccessChange): Promise<AccessStatus>;

  listSessions(query: SessionQuery): Promise<readonly SessionSummary[]>;
  getSession(id: string): Promise<SessionSummary | undefined>;
  sessionNames(): Promise<SessionNames>;
  /** @throws `session.not_found`, `session.not_live`. */
  endSession(actor: Actor, id: string, message?: string): Promise<void>;
  /**
   * Path and number of bytes of a recording that are whole lines now. Audited as `recording.viewed`.
   * @throws `recording.not_found`.
   */
  openRecording(
    actor: Actor,
    sessionId: string,
    channel?: number,
    use?: RecordingUse,
  ): Promise<{ path: string; sizeBytes: number }>;
  /** A live recording from its start, then as it grows; ends with the recording or with `signal`. Audited. */
  watchSession(actor: Actor, id: string, signal: AbortSignal): Promise<AsyncIterable<LiveRecordingEvent>>;

  queryAudit(query: AuditQuery): Promise<readonly AuditEvent[]>;
  /** Events with `text` in them, over a stretch of the log that is bounded; see {@link AuditSearchResult}. */
  searchAudit(text: string, query: AuditQuery): Promise<AuditSearchResult>;
  /**
   * What shows anybody with the bastion's public key that an event is in the log as it was sealed.
   * @throws `audit.not_sealed` while no checkpoint covers it.
   */
  auditProof(seq: number): Promise<AuditProof>;
  /**
   * Verifies the whole log, without the recordings, as `audit verify` does.
   * @throws `audit.verifying` while another one runs; the signal's reason when it aborts.
   */
  verifyAudit(onProgress: (progress: VerifyProgress) => void, signal: AbortSignal): Promise<VerifyReport>;
  /** The whole log. Audited as `audit.exported`. */
  exportAudit(actor: Actor): Promise<AsyncIterable<AuditEvent>>;
  /** Called after each stored event. Returns how to stop. */
  onAudit(listener: (event: AuditEvent) => void): () => void;

  listHosts(): Promise<readonly HostSummary[]>;
  /** Ends the agent's tunnel at once and refuses it from then on. @throws `host.not_found`. */
  revokeHost(actor: Actor, name: string): Promise<void>;
  createJoinToken(
    actor: Actor,
    options: { name: string; labels?: Record<string, string> },
  ): Promise<CreatedToken>;
}
