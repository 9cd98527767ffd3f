import { DrawbridgeError, isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { SshChannel } from '../../shared/ssh/channel.ts';
import { bridgeChannels, type ChannelBridge } from '../../shared/ssh/channel-bridge.ts';
import type { DirectTcpipOpen } from '../../shared/ssh/server-connection.ts';
import { ByteAccount } from '../evidence/byte-account.ts';
import type { SessionContext } from './session-context.ts';

/** Longest destination that is passed on or logged. */
const HOST_LIMIT_CHARACTERS = 255;
const PORT_MAX = 65_535;

/** A forward, asked for or open, as its session sees it. */
export interface OpenForward {
  /** From now on nothing passes. */
  silence(): void;
  cut(message: string): void;
  /** Resolves when it is over and entered. Never rejects. */
  readonly finished: Promise<void>;
}

/**
 * Decides about one `-L`, `-D` or `-W` connection, and carries it: from the host, where the customer's policy lets it
 * go, to the operator.
 */
export function openForward(context: SessionContext, open: DirectTcpipOpen): OpenForward {
  let bridge: ChannelBridge | undefined;
  const finished = carry(context, open, (begun) => {
    bridge = begun;
  });
  return {
    silence: () => bridge?.silence(),
    cut: () => bridge?.abort(),
    finished: finished.catch((error: unknown) => {
      // Nothing could be entered: the session is ending for it already.
      open.refuse(sentenceOf(error));
    }),
  };
}

/** Enters that a forward is refused, then refuses it. @throws `audit.unavailable` */
export async function refuseForward(
  context: SessionContext,
  open: { refuse(sentence: string): void },
  destination: string,
  reason: string,
): Promise<void> {
  await context.recordRefusal('forward.refused', { destination: printable(destination), reason });
  open.refuse(`${context.services.bastionName} refused: ${reason}.`);
}

async function carry(
  context: SessionContext,
  open: DirectTcpipOpen,
  onBegun: (bridge: ChannelBridge) => void,
): Promise<void> {
  const { host, port } = open.target;
  const destination = `${printable(host)}:${port}`;
  const wellFormed =
    /^[\x21-\x7e]+$/.test(host) && host.length <= HOST_LIMIT_CHARACTERS && port >= 1 && port <= PORT_MAX;
  if (open.target.kind !== 'direct-tcpip' || !wellFormed)
    return refuseForward(context, open, destination, 'the destination is not well formed');
  const action = { kind: 'forward', host, port } as const;
  const decision = context.decide(action);
  if (!decision.allow) return refuseForward(context, open, destination, decision.reason);

  const { session } = context;
  const number = session.nextChannel();
  const account = new ByteAccount();
  let problem: string | undefined;
  session.channelOpened({ number, action });
  try {
    await context.record('forward.opened', { channel: number, destination });
    const target = await openOnHost(context, open);
    const bridge = bridgeChannels(open.accept(), target, {
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
    onBegun(bridge);
    await bridge.ended;
  } catch (error) {
    problem = messageOf(error);
    open.refuse(sentenceOf(error));
  }
  const { bytesIn, bytesOut, sha256In, sha256Out } = account.result();
  session.channelClosed({ channel: number, kind: 'forward', bytesIn, bytesOut });
  const fields = { channel: number, destination, bytesIn, bytesOut, sha256In, sha256Out };
  await context.record('forward.closed', problem === undefined ? fields : { ...fields, problem });
}

async function openOnHost(context: SessionContext, open: DirectTcpipOpen): Promise<SshChannel> {
  const { host, port, originHost, originPort } = open.target;
  const { session } = context;
  const connection = await context.link.ready;
  const target = await connection.openForward(
    { host, port },
    { host: originHost, port: originPort },
    session.signal,
  );
  if (!open.signal.aborted && session.phase.kind === 'live') return target;
  target.destroy();
  throw new DrawbridgeError('session.closed', 'The session has ended.');
}

function printable(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '?').slice(0, HOST_LIMIT_CHARACTERS);
}

function sentenceOf(error: unknown): string {
  return isDrawbridgeError(error) ? error.message : 'The forward could not be opened.';
}
