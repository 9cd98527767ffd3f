import { z } from 'zod';
import { plainText } from '../../shared/plain-text.ts';
import type { IncomingStream } from '../../shared/tunnel/tunnel.ts';
import type { SessionIdentity } from '../sessions/session.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';

/** Kind of the stream by which the proxy says why it takes back what a pass has vouched for. */
export const WITHDRAWN_KIND = 'withdrawn';

const requestSchema = z.object({
  pass: z.string().min(1).max(256),
  message: z.string().min(1).max(4_000),
});

interface WithdrawalsParts {
  /** The proxy's name as it was enrolled. */
  readonly proxy: string;
  readonly registry: Pick<SessionRegistry, 'endWhere'>;
}

/**
 * Ends a session when the proxy takes back its word, so that operator and audit log have the reason. Nothing rests on
 * it: a proxy that says nothing cuts the stream all the same, and what it says stands in the log as its claim.
 */
export class Withdrawals {
  readonly #parts: WithdrawalsParts;

  constructor(parts: WithdrawalsParts) {
    this.#parts = parts;
  }

  /** Answers one stream. A pass without a session is no fault: it may have ended by itself. */
  handle(incoming: IncomingStream): void {
    const request = requestSchema.safeParse(incoming.request);
    if (!request.success) {
      incoming.refuse('stream.malformed', 'A withdrawal names a pass and says why.');
      return;
    }
    const { proxy, registry } = this.#parts;
    const { pass, message } = request.data;
    const isOfPass = ({ passId }: SessionIdentity): boolean => passId === pass;
    registry.endWhere(isOfPass, {
      code: 'proxy.withdrew',
      message: `The proxy ${proxy} has ended this session and says: ${plainText(message)}`,
      by: `proxy:${proxy}`,
    });
    if (incoming.signal.aborted) return;
    const stream = incoming.accept();
    stream.on('error', () => undefined);
    stream.resume();
    stream.end();
  }
}
