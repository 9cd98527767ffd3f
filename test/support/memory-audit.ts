import type { AuditEvent, AuditEventInput, AuditSink } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';

/** An audit sink in memory that can be made to fail: at all appends, or at one of them. */
export class MemoryAudit implements AuditSink {
  readonly events: AuditEvent[] = [];
  failing = false;
  /** Number of the append, counted from 0 over the sink's life, that fails. */
  failAt: number | undefined;
  /** Called before an event is stored. */
  onAppend: ((event: AuditEventInput) => void) | undefined;
  #appends = 0;

  async append(event: AuditEventInput): Promise<AuditEvent> {
    const number = this.#appends++;
    this.onAppend?.(event);
    if (this.failing || number === this.failAt) {
      throw new DrawbridgeError('audit.unavailable', 'The audit log can not be written.');
    }
    const stored: AuditEvent = {
      ...event,
      seq: this.events.length + 1,
      id: `e-${this.events.length + 1}`,
      time: new Date().toISOString(),
      prev: '',
      hash: '',
    };
    this.events.push(stored);
    return stored;
  }

  /** The types of all stored events, in order. */
  types(): string[] {
    return this.events.map((event) => event.type);
  }

  /** The stored events of one type. */
  ofType(type: string): AuditEvent[] {
    return this.events.filter((event) => event.type === type);
  }
}
