import type { AuditEventInput, AuditSink } from './event.ts';

/**
 * Enters that a right is taken away, while it is taken: that must not hang on the log. To be awaited last, so that whoever
 * asked hears when it could not be entered; the right is gone all the same.
 */
export function enterBeside(audit: AuditSink, event: AuditEventInput): Promise<void> {
  const entered = audit.append(event).then(() => undefined);
  // Until it is awaited, nobody may hear it fail.
  entered.catch(() => undefined);
  return entered;
}
