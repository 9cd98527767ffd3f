/** Names of audit events. Dotted nouns and a past verb; pinned, since other programs match on them. */
export const AUDIT_EVENT_TYPES = [
  'access.turned_on',
  'access.turned_off',
  'operator.admitted',
  'operator.refused',
  'operator.signed_in',
  'operator.signed_out',
  'session.started',
  'session.ended',
  'exec.started',
  'exec.ended',
  'shell.started',
  'shell.ended',
  'file.read',
  'file.written',
  'file.removed',
  'file.renamed',
  'file.refused',
  'forward.opened',
  'forward.closed',
  'forward.refused',
  'listener.opened',
  'listener.closed',
  'channel.refused',
  'agent.joined',
  'agent.connected',
  'agent.disconnected',
  'agent.refused',
  'agent.revoked',
  'agent.duplicated',
  'bastion.joined',
  'bastion.refused',
  'bastion.revoked',
  'bastion.duplicated',
  'tunnel.connected',
  'tunnel.disconnected',
  'host.key_pinned',
  'key.rotated',
  'agent.key_rotated',
  'agent.host_key_rotated',
  'bastion.host_key_rotated',
  'bastion.key_rotated',
  'proxy.key_rotated',
  'admin.signed_in',
  'admin.signed_out',
  'admin.refused',
  'user.added',
  'user.changed',
  'device.enrolled',
  'device.approved',
  'device.revoked',
  'token.created',
  'recording.viewed',
  'recording.closed',
  'recording.searched',
  'recording.held',
  'recording.released',
  'recording.deleted',
  'recording.grew',
  'audit.exported',
  'audit.end_differed',
  'policy.changed',
  'approval.requested',
  'approval.granted',
  'approval.refused',
  'approval.denied',
  'approval.expired',
  'approval.withdrawn',
  'approval.revoked',
  'operator.locked',
  'operator.unlocked',
  'checkpoint.signed',
  'config.reloaded',
  'witness.started',
  'witness.refused',
  'witness.resumed',
  'witness.reset',
  'bastion.started',
  'bastion.recovered',
  'bastion.restored',
  'bastion.stopped',
  'proxy.started',
  'proxy.restored',
  'proxy.stopped',
] as const;

export type AuditEventType = (typeof AUDIT_EVENT_TYPES)[number];

/** What JSON can say. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/**
 * Who did it, as `kind:name`: `operator:alice`, `admin:carol`, `agent:web-1`, `proxy:central`, `local:root`
 * (somebody with access to the control socket), `system` (the role itself).
 */
export type Actor =
  | `${'operator' | 'admin' | 'agent' | 'bastion' | 'proxy' | 'local' | 'token'}:${string}`
  | 'system';

/** An event as the code that decides hands it to the log. Further fields depend on the type. */
export interface AuditEventInput {
  readonly type: AuditEventType;
  readonly actor: Actor;
  readonly operator?: string;
  readonly session?: string;
  readonly host?: string;
  readonly login?: string;
  readonly [field: string]: Json | undefined;
}

/** An event as it is stored: `hash` is SHA-256 (hex) over the canonical JSON of everything else. */
export interface AuditEvent extends AuditEventInput {
  /** Position in the log, from 1 without gaps. */
  readonly seq: number;
  /** Unique, also across logs. */
  readonly id: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string;
  /** `hash` of the event before; 64 zeros for the first. */
  readonly prev: string;
  readonly hash: string;
}

/** Where the code that decides appends. */
export interface AuditSink {
  /**
   * Stores the event durably, then resolves with it. Await it before you act.
   * @throws `audit.unavailable` when it could not be stored: then refuse, or end what is going on.
   */
  append(event: AuditEventInput): Promise<AuditEvent>;
}

/** Selection for reading back; all given conditions must hold. */
export interface AuditQuery {
  /** Only events with a greater `seq`. */
  readonly after?: number;
  /** Only events with a smaller `seq`. */
  readonly before?: number;
  readonly type?: string;
  readonly session?: string;
  readonly operator?: string;
  readonly host?: string;
  /** Only events of this time or later, and of this or earlier: ISO 8601 in UTC with milliseconds, as events have it. */
  readonly from?: string;
  readonly to?: string;
  /** Newest first instead of oldest first. */
  readonly newestFirst?: boolean;
  /** 1 to 1000. */
  readonly limit: number;
}

/** What a search over a bounded stretch of the log has found. */
export interface AuditSearchResult {
  readonly events: readonly AuditEvent[];
  /** Where it stopped before the end: what lies beyond this `seq` was not looked at. */
  readonly searchedTo?: number;
}

/** Where events are read from. */
export interface AuditSource {
  query(query: AuditQuery): Promise<readonly AuditEvent[]>;
  /** All events in order, read in pages. */
  all(): AsyncIterable<AuditEvent>;
  /** Sequence number and hash of the last event; `seq` 0 when empty. */
  head(): Promise<{ readonly seq: number; readonly hash: string }>;
  /** Called after each stored event, in order. Returns how to stop. */
  subscribe(listener: (event: AuditEvent) => void): () => void;
}
