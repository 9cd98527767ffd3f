import type { Clock } from '../../shared/clock.ts';
import type { Tunnel, TunnelStream } from '../../shared/tunnel/tunnel.ts';

/** A bastion that has not ended a session within so long is not waited for: the proxy cuts the stream itself. */
export const WITHDRAWAL_MAX_MS = 300;

/** The kind of stream by which the bastion is told. One of an older version refuses it at once. */
const WITHDRAWN_KIND = 'withdrawn';

/** A connection that the proxy has vouched for. */
export interface Vouched {
  readonly tunnel: Tunnel;
  readonly stream: TunnelStream;
  /** Id of the pass that opened the stream. */
  readonly passId: string;
}

/**
 * Tells the bastion why the proxy takes back its word for a connection, so that the customer's log has the reason.
 * Resolves when the bastion has ended the connection, has refused to hear, or takes too long. Never rejects.
 */
export async function withdraw(vouched: Vouched, sentence: string, clock: Clock): Promise<void> {
  const { stream } = vouched;
  if (stream.destroyed) return;
  await new Promise<void>((resolve) => {
    const timer = clock.after(WITHDRAWAL_MAX_MS, done);
    stream.once('close', done);
    tell(vouched, sentence).catch(done);
    function done(): void {
      timer.cancel();
      stream.off('close', done);
      resolve();
    }
  });
}

async function tell({ tunnel, passId }: Vouched, sentence: string): Promise<void> {
  const { stream, reply } = tunnel.open({ v: 1, kind: WITHDRAWN_KIND, pass: passId, message: sentence });
  stream.on('error', () => undefined);
  stream.resume();
  stream.end();
  await reply;
}
