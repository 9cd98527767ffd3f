import { isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import { bridgeChannels, type ChannelBridge } from '../../shared/ssh/channel-bridge.ts';
import type { DirectTcpipOpen } from '../../shared/ssh/server-connection.ts';
import { ByteAccount } from '../evidence/byte-account.ts';
import type { SessionContext } from './session-context.ts';

/** Longest destination that is passed on or logged. */
const HOST_LIMIT_CHARACTERS = 255;
const PORT_MAX = 65_535;

/** A forward that is open, as its session sees it. */
export interface OpenForward {
  cut(message: string): void;
  /** Resolves when it is over and entered. Never rejects. */
  readonly finished: Promise<void>;
}

/**
 * Decides about one `-L`, `-D` or `-W` connection, and carries it: from the host, where the customer's policy lets it
 * go, to the operator. Undefined when it was refused.
 */
export async function openForward(
  context: SessionContext,
  open: DirectTcpipOpen,
): Promise<OpenForward | undefined> {
  const { host, port, originHost, originPort } = open.target;
  const destination = `${host.replace(/[^\x21-\x7e]/g, '?').slice(0, HOST_LIMIT_CHARACTERS)}:${port}`;
  const refuse = async (reason: string): Promise<undefined> => {
    await context.record('forward.refused', { destination, reason });
    open.refuse(`${context.services.bastionName} refused: ${reason}.`);
    return undefined;
  };
  const wellFormed =
    /^[\x21-\x7e]+$/.test(host) && host.length <= HOST_LIMIT_CHARACTERS && port >= 1 && port <= PORT_MAX;
  if (open.target.kind !== 'direct-tcpip' || !wellFormed) return refuse('the destination is not well formed');
  const action = { kind: 'forward', host, port } as const;
  const decision = context.decide(action);
  if (!decision.allow) return refuse(decision.reason);

  const { session } = context;
  const number = session.nextChannel();
  const account = new ByteAccount();
  let problem: string | undefined;
  session.channelOpened({ number, action });
  const finish = async (): Promise<void> => {
    const { bytesIn, bytesOut, sha256In, sha256Out } = account.result();
    session.channelClosed({ channel: number, kind: 'forward', bytesIn, bytesOut });
    const fields = { channel: number, destination, bytesIn, bytesOut, sha256In, sha256Out };
    await context.record('forward.closed', problem === undefined ? fields : { ...fields, problem });
  };
  try {
    await context.record('forward.opened', { channel: number, destination });
    const connection = await context.link.ready;
    const target = await connection.openForward(
      { host, port },
      { host: originHost, port: originPort },
      session.signal,
    );
    if (open.signal.aborted || session.phase.kind !== 'live') {
      target.destroy();
      problem = 'the session ended first';
      await finish();
      return undefined;
    }
    const bridge: ChannelBridge = bridgeChannels(open.accept(), target, {
      onOutput: (chunk) => {
        account.add('out', chunk);
        session.count('out', chunk.length);
        return chunk;
      },
      onInput: (chunk) => {
        account.add('in', chunk);
        session.count('in', chunk.length);
      },
      onRequest: () => false,
    });
    // A failure to enter the end has ended the session already.
    const finished = bridge.ended.then(finish).catch(() => undefined);
    return { cut: () => bridge.abort(), finished };
  } catch (error) {
    problem = messageOf(error);
    open.refuse(isDrawbridgeError(error) ? error.message : 'The forward could not be opened.');
    await finish().catch(() => undefined);
    return undefined;
  }
}
