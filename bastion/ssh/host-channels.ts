import type { IncomingChannel } from '../../shared/ssh/channel-table.ts';
import type { ChannelTarget } from '../../shared/ssh/channel-target.ts';
import type { GlobalRequest } from '../../shared/ssh/connection-protocol.ts';
import { OPEN_FAILURE } from '../../shared/ssh/messages.ts';
import {
  AGENT_CHANNEL,
  CANCEL_LISTEN_REQUEST,
  decodeListenAddress,
  decodeListenPort,
  encodeListenPort,
  LISTEN_REQUEST,
  type ListenAddress,
} from '../../shared/ssh/remote-forward.ts';
import type { SshServerConnection } from '../../shared/ssh/server-connection.ts';
import type { PolicyAction } from '../policy/decide.ts';
import {
  assertWanted,
  carryForward,
  isAddress,
  type OpenForward,
  printable,
  refuseForward,
} from './forward-channel.ts';
import type { SessionContext } from './session-context.ts';

/** Addresses on which one session may let its host listen at once. */
export const LISTENERS_MAX = 16;

/** How an empty host, which stands for every address, is called in the policy and in events. */
const EVERY_ADDRESS = '*';

interface Listener extends ListenAddress {
  readonly channel: number;
}

/**
 * What reaches the operator from the host: connections to addresses on which the host listens for them (`-R`), and
 * those to their SSH agent (`-A`). Each needs the policy, is entered and accounted for like any forward.
 */
export class HostChannels {
  readonly #context: SessionContext;
  readonly #operator: SshServerConnection;
  readonly #listeners = new Map<string, Listener>();
  /** Requests to listen, one behind the other; a connection may come before its request is through. */
  #settled: Promise<unknown> = Promise.resolve();

  constructor(context: SessionContext, operator: SshServerConnection) {
    this.#context = context;
    this.#operator = operator;
  }

  /** Decides about a global request of the operator. @throws `audit.unavailable` */
  request({ name, payload }: GlobalRequest): Promise<boolean | Buffer> {
    const next = this.#settled.then(() => this.#request(name, payload));
    this.#settled = next.catch(() => undefined);
    return next;
  }

  /** Decides about a channel that the host opens, and carries it. */
  async take(incoming: IncomingChannel): Promise<OpenForward | undefined> {
    await this.#settled;
    const { target } = incoming;
    if (target.kind === 'other' && target.type === AGENT_CHANNEL && this.#context.agentForwarding) {
      const about = { destination: 'ssh-agent', fields: { remote: true } };
      return this.#carry(incoming, { kind: 'agent_forwarding' }, about, target);
    }
    const listener =
      target.kind === 'forwarded-tcpip' ? this.#listenerFor(target.host, target.port) : undefined;
    if (target.kind !== 'forwarded-tcpip' || listener === undefined) {
      incoming.refuse('Nobody has asked for this.', OPEN_FAILURE.ADMINISTRATIVELY_PROHIBITED);
      return undefined;
    }
    const { host, port } = listener;
    const origin = `${printable(target.originHost)}:${target.originPort}`;
    const about = { destination: nameOf(listener), fields: { remote: true, origin } };
    return this.#carry(incoming, actionOf(listener), about, { ...target, host, port });
  }

  /** The session is over: enters that nothing listens any more. */
  async close(): Promise<void> {
    await this.#settled;
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    // What can't be entered has been told, and must not keep the session from being closed.
    await Promise.allSettled(listeners.map((listener) => this.#closed(listener)));
  }

  async #request(name: string, payload: Buffer): Promise<boolean | Buffer> {
    switch (name) {
      case LISTEN_REQUEST:
        return this.#listen(payload);
      case CANCEL_LISTEN_REQUEST:
        return this.#cancel(payload);
      default:
        if (!/forward/.test(name)) return false;
        await this.#refuse(name, 'the host may not listen on sockets for an operator');
        return false;
    }
  }

  async #listen(payload: Buffer): Promise<boolean | Buffer> {
    const context = this.#context;
    const address = decodeListenAddress(payload);
    const name = nameOf(address);
    if ((address.host !== '' && !isAddress(address.host, address.port)) || address.port > 65_535) {
      await this.#refuse(name, 'the address is not well formed');
      return false;
    }
    const decision = context.decide(actionOf(address));
    const refusal = decision.allow
      ? this.#listeners.size < LISTENERS_MAX
        ? undefined
        : `a session may have ${LISTENERS_MAX} addresses to listen on`
      : decision.reason;
    if (refusal !== undefined) {
      await this.#refuse(name, refusal);
      return false;
    }
    const channel = context.session.nextChannel();
    await context.record('listener.opened', { channel, destination: name });
    context.session.channelOpened({ number: channel, action: actionOf(address) });
    const answer = await this.#askHost(LISTEN_REQUEST, payload);
    const port = answer === undefined ? undefined : address.port === 0 ? portIn(answer) : address.port;
    const listener = { ...address, port: port ?? address.port, channel };
    if (port === undefined) {
      await this.#closed(listener, 'the host did not listen');
      return false;
    }
    this.#listeners.set(keyOf(listener), listener);
    return address.port === 0 ? encodeListenPort(port) : true;
  }

  async #cancel(payload: Buffer): Promise<boolean> {
    const address = decodeListenAddress(payload);
    const listener = this.#listeners.get(keyOf(address));
    if (listener === undefined) return false;
    this.#listeners.delete(keyOf(address));
    const answer = await this.#askHost(CANCEL_LISTEN_REQUEST, payload);
    await this.#closed(listener);
    return answer !== undefined;
  }

  /** The host's answer; undefined when it refuses or is not there. */
  async #askHost(name: string, payload: Buffer): Promise<Buffer | undefined> {
    try {
      this.#context.allowHostSignIn();
      const connection = await this.#context.link.ready;
      return await connection.globalRequest(name, payload);
    } catch {
      // Whoever opens a channel next is told why the host can't be reached.
      return undefined;
    }
  }

  async #closed(listener: Listener, problem?: string): Promise<void> {
    const { channel } = listener;
    const { session } = this.#context;
    session.channelClosed({ channel, kind: 'listener', bytesIn: 0, bytesOut: 0 });
    await this.#context.record('listener.closed', {
      channel,
      destination: nameOf(listener),
      ...(problem === undefined ? {} : { problem }),
    });
  }

  #refuse(destination: string, reason: string): Promise<void> {
    return refuseForward(this.#context, { refuse: () => undefined }, destination, reason, { remote: true });
  }

  /** Servers differ in whether they name the address that was asked for or the one that was connected to. */
  #listenerFor(host: string, port: number): Listener | undefined {
    const exact = this.#listeners.get(keyOf({ host, port }));
    return exact ?? [...this.#listeners.values()].find((listener) => listener.port === port);
  }

  #carry(
    incoming: IncomingChannel,
    action: PolicyAction,
    about: { readonly destination: string; readonly fields: Readonly<Record<string, string | boolean>> },
    target: ChannelTarget,
  ): OpenForward {
    return carryForward(this.#context, {
      action,
      ...about,
      connect: async () => {
        const operator = await this.#operator.open(target, this.#context.session.signal);
        assertWanted(this.#context, incoming.signal, operator);
        return { operator, host: incoming.accept() };
      },
      refuse: (sentence) => incoming.refuse(sentence),
      signal: incoming.signal,
    });
  }
}

function actionOf({ host, port }: ListenAddress): PolicyAction {
  return { kind: 'remote_forward', host: host === '' ? EVERY_ADDRESS : host, port };
}

function nameOf({ host, port }: ListenAddress): string {
  return `${host === '' ? EVERY_ADDRESS : printable(host)}:${port}`;
}

function keyOf({ host, port }: ListenAddress): string {
  return `${host}:${port}`;
}

function portIn(answer: Buffer): number | undefined {
  return answer.length < 4 ? undefined : decodeListenPort(answer);
}
