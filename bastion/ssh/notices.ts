import type { SessionContext } from './session-context.ts';

/** What a client shows before the sign-in. `until`: ISO time at which the gate closes by itself. */
export function bannerText(bastionName: string, until: string | undefined): string {
  const recorded = `This session is recorded by ${bastionName}: what you do and see here is kept by the customer.`;
  return until === undefined ? `${recorded}\r\n` : `${recorded}\r\nAccess ends by itself at ${until}.\r\n`;
}

/** The first line in a terminal. */
export function recordedLine(context: SessionContext): string {
  const { id, host, login } = context.session.identity;
  return `This session is recorded by ${context.services.bastionName} (${id}, ${login} on ${host}).\r\n`;
}

/** What an operator is told of the reason for which something was aborted. */
export function sentenceOf(reason: unknown): string {
  if (typeof reason === 'object' && reason !== null && 'message' in reason) return String(reason.message);
  return 'The session was ended.';
}
