import type { Json } from '../../shared/audit/event.ts';
import { DrawbridgeError, isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { SshChannel } from '../../shared/ssh/channel.ts';
import { bridgeChannels, type ChannelBridge } from '../../shared/ssh/channel-bridge.ts';
import type { DirectTcpipOpen } from '../../shared/ssh/server-connection.ts';
import { ByteAccount } from '../evidence/byte-account.ts';
import type { PolicyAction } from '../policy/decide.ts';
import { waitForApproval } from './approval-wait.ts';
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

/** Bytes that are to go both ways between the operator and something that the host reaches, or that reaches the host. */
export interface Forwarding {
  readonly action: PolicyAction;
  /** How it is called in events. */
  readonly destination: string;
  /** What else the events say. */
  readonly fields?: Readonly<Record<string, Json>>;
  /** Opens what was not asked for, then accepts what was. */
  connect(): Promise<{ readonly operator: SshChannel; readonly host: SshChannel }>;
  /** Refuses what was asked for; without effect once it was accepted. */
  refuse(sentence: string): void;
  /** Aborted when whoever asked has gone. */
  readonly signal: AbortSignal;
}

/**
 * Decides about one `-L`, `-D` or `-W` connection, and carries it: from the host, where the customer's policy lets it
 * go, to the operator.
 */
export function openForward(context: SessionContext, open: DirectTcpipOpen): OpenForward {
  const { host, port, originHost, originPort } = open.target;
  const wellFormed = open.target.kind === 'direct-tcpip' && isAddress(host, port) && port >= 1;
  return carryForward(
    context,
    {
      action: { kind: 'forward', host, port },
      destination: `${printable(host)}:${port}`,
      connect: async () => {
        context.allowHostSignIn();
        const connection = await context.link.ready;
        const origin = { host: originHost, port: originPort };
        const target = await connection.openForward({ host, port }, origin, context.session.signal);
        assertWanted(context, open.signal, target);
        return { operator: open.accept(), host: target };
      },
      refuse: (sentence) => open.refuse(sentence),
      signal: open.signal,
    },
    wellFormed ? undefined : 'the destination is not well formed',
  );
}

/** True for what may be the address of a forward, in events and on the wire. */
export function isAddress(host: string, port: number): boolean {
  return /^[\x21-\x7e]+$/.test(host) && host.length <= HOST_LIMIT_CHARACTERS && port <= PORT_MAX;
}

/**
 * Asks the policy, enters the forward, opens and carries it, and enters how much went through.
 * @param refusal why it can't be, whatever the policy says
 */
export function carryForward(context: SessionContext, forwarding: Forwarding, refusal?: string): OpenForward {
  let bridge: ChannelBridge | undefined;
  const finished = carry(context, forwarding, refusal, (begun) => {
    bridge = begun;
  });
  return {
    silence: () => bridge?.silence(),
    cut: () => bridge?.abort(),
    finished: finished.catch((error: unknown) => {
      // Nothing could be entered: the session is ending for it already.
      forwarding.refuse(sentenceOf(error));
    }),
  };
}

/** Enters that a forward is refused, then refuses it. @throws `audit.unavailable` */
export async function refuseForward(
  context: SessionContext,
  open: { refuse(sentence: string): void },
  destination: string,
  reason: string,
  fields: Readonly<Record<string, Json>> = {},
): Promise<void> {
  await context.recordRefusal('forward.refused', { destination: printable(destination), reason, ...fields });
  open.refuse(`${context.services.bastionName} refused: ${reason}.`);
}

/** @throws `session.closed` when nobody waits for `opened` any more, which is closed then. */
export function assertWanted(context: SessionContext, asker: AbortSignal, opened: SshChannel): void {
  if (!asker.aborted && context.session.phase.kind === 'live') return;
  opened.destroy();
  throw new DrawbridgeError('session.closed', 'The session has ended.');
}

async function carry(
  context: SessionContext,
  forwarding: Forwarding,
  refusal: string | undefined,
  onBegun: (bridge: ChannelBridge) => void,
): Promise<void> {
  const { action, destination, fields: about = {} } = forwarding;
  if (refusal !== undefined) return refuseForward(context, forwarding, destination, refusal, about);
  const need = context.approvalNeed(action);
  if (need !== undefined) {
    try {
      await waitForApproval(context, need, { action: `forward ${destination}`, signal: forwarding.signal });
    } catch (error) {
      if (!isDrawbridgeError(error)) throw error;
      return refuseForward(context, forwarding, destination, error.message.replace(/\.$/, ''), about);
    }
  }
  const decision = context.decide(action);
  if (!decision.allow) return refuseForward(context, forwarding, destination, decision.reason, about);

  const { session } = context;
  const number = session.nextChannel();
  const account = new ByteAccount();
  let problem: string | undefined;
  session.channelOpened({ number, action });
  try {
    await context.record('forward.opened', { channel: number, destination, ...about });
    const { operator, host } = await forwarding.connect();
    const bridge = bridgeChannels(operator, host, {
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
    forwarding.refuse(sentenceOf(error));
  }
  const { bytesIn, bytesOut, sha256In, sha256Out } = account.result();
  session.channelClosed({ channel: number, kind: 'forward', bytesIn, bytesOut });
  const fields = { channel: number, destination, ...about, bytesIn, bytesOut, sha256In, sha256Out };
  await context.record('forward.closed', problem === undefined ? fields : { ...fields, problem });
}

/** Text of a peer as it may stand in events. */
export function printable(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '?').slice(0, HOST_LIMIT_CHARACTERS);
}

function sentenceOf(error: unknown): string {
  return isDrawbridgeError(error) ? error.message : 'The forward could not be opened.';
}
