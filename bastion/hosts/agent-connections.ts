import { z } from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { type PublicJwk, thumbprintOf } from '../../shared/identity/keys.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import { signSshKey, verifySshKey } from '../../shared/identity/ssh-key-statement.ts';
import type { Logger } from '../../shared/log.ts';
import { parsePublicLine } from '../../shared/ssh/keys.ts';
import type { Duplicate } from '../../shared/tunnel/duplicate-watch.ts';
import type { IncomingStream, Tunnel, TunnelClosed } from '../../shared/tunnel/tunnel.ts';
import type { RefusalLog } from '../admission/refusal-log.ts';
import type { AgentStore } from './agent-store.ts';
import type { HostDirectory } from './host-directory.ts';
import type { PresenceLog } from './presence-log.ts';

/** What an agent says about itself on each tunnel; anything else that it says is ignored. */
const helloSchema = z.object({
  version: z.string().max(64).optional(),
  platform: z.string().max(128).optional(),
  target: z.enum(['builtin', 'sshd']).optional(),
  /** The key of its SSH server, signed with its identity key. */
  hostKey: z.string().max(16_384).optional(),
});

/** How bastion and agents tell each other of their SSH keys. */
export interface SshKeyTalk {
  readonly identity: NodeIdentity;
  /** The key by which the bastion signs in on hosts, one line. */
  readonly clientKey: string;
  readonly clock: Clock;
}

/** The agents' side of the tunnels: who may come, who is there, what they say about themselves. */
export class AgentConnections {
  readonly #store: AgentStore;
  readonly #directory: HostDirectory;
  readonly #presence: PresenceLog;
  readonly #refusals: RefusalLog;
  readonly #sshKeys: SshKeyTalk | undefined;
  readonly #log: Logger;
  /** Tunnels on which an agent has said hello, or is about to: once is enough, and each costs a write to the disk. */
  readonly #greeted = new WeakSet<Tunnel>();

  constructor(options: {
    store: AgentStore;
    directory: HostDirectory;
    presence: PresenceLog;
    refusals: RefusalLog;
    /** How SSH keys are stated to each other; without it they stay as they were enrolled. */
    sshKeys?: SshKeyTalk;
    log: Logger;
  }) {
    this.#store = options.store;
    this.#directory = options.directory;
    this.#presence = options.presence;
    this.#refusals = options.refusals;
    this.#sshKeys = options.sshKeys;
    this.#log = options.log;
  }

  /** The agent with that id, unless it was revoked. */
  async findPeer(id: string): Promise<{ id: string; name: string; publicJwk: PublicJwk } | undefined> {
    const agent = this.#directory.agent(id);
    return agent === undefined ? undefined : { id, name: agent.name, publicJwk: agent.publicJwk };
  }

  /**
   * Pins an agent's new key, once the event is stored. Tunnels of the old key end: whoever held them has either moved to
   * the new one, or is not the agent.
   * @throws `audit.unavailable`, `identity.refused` when another key was pinned meanwhile
   */
  async onSuccession(
    peer: { id: string; name: string },
    keys: { readonly from: PublicJwk; readonly to: PublicJwk },
  ): Promise<void> {
    await this.#presence.keyRotated(peer, { from: thumbprintOf(keys.from), to: thumbprintOf(keys.to) });
    const pinned = await this.#store.succeed(peer.id, keys);
    const agent = await this.#store.findById(peer.id);
    // Two tunnels of one start may come at once; the second finds it done.
    if (agent?.publicJwk.x !== keys.to.x) {
      throw new DrawbridgeError('identity.refused', 'Another key was pinned for this agent meanwhile.');
    }
    this.#directory.put(agent);
    if (pinned) this.#directory.cut(peer.id, 'key.rotated', 'This agent has a new key.');
  }

  /** Takes a tunnel whose agent has proved its key. The host is online once the event is stored. */
  async onTunnel(
    tunnel: Tunnel,
    peer: { id: string; name: string },
    from: { address: string },
  ): Promise<void> {
    let enterGone: (reason: string) => Promise<void>;
    try {
      enterGone = await this.#presence.came(peer, from.address);
    } catch (error) {
      this.#log.error(
        { err: error, host: peer.name },
        'an agent was turned away: its event could not be stored',
      );
      tunnel.close('audit.unavailable', 'The bastion can not write its audit log, so it takes no agent.');
      return;
    }
    if (tunnel.signal.aborted || !this.#directory.connected(peer.id, tunnel)) {
      tunnel.close('agent.too_many_tunnels', 'This agent has more tunnels here than it may have.');
    } else await this.#note(peer.id, {});
    onceAborted(tunnel.signal, (why) => {
      this.#directory.disconnected(peer.id, tunnel, why);
      enterGone(why.message).catch((error: unknown) =>
        this.#log.error({ err: error, host: peer.name }, 'an event could not be stored'),
      );
    });
  }

  /** Agents open one kind of stream, to say hello. */
  async onStream(
    incoming: IncomingStream,
    tunnel: Tunnel,
    peer: { id: string; name: string },
  ): Promise<void> {
    if (incoming.request.kind !== 'hello') {
      incoming.refuse('stream.unknown_kind', 'A bastion takes only hello streams from agents.');
      return;
    }
    if (this.#greeted.has(tunnel)) {
      incoming.refuse('stream.repeated', 'This tunnel has said hello already.');
      return;
    }
    const hello = helloSchema.safeParse(incoming.request);
    if (!hello.success) {
      incoming.refuse('stream.malformed', 'The hello was not well formed.');
      return;
    }
    this.#greeted.add(tunnel);
    try {
      await this.#pinHostKey(peer, hello.data.hostKey);
      await this.#note(peer.id, hello.data);
    } catch (error) {
      this.#log.error({ err: error, host: peer.name }, 'what an agent says of itself could not be stored');
      // Nothing goes to a host before it is known how it serves: its next dial is another try.
      tunnel.close('store.unavailable', 'The bastion could not store what this agent says of itself.');
      return;
    }
    const stated = await this.#statedClientKey(peer.id);
    this.#directory.greeted(peer.id, tunnel);
    if (incoming.signal.aborted) return;
    const stream = incoming.accept(stated);
    stream.on('error', () => undefined);
    stream.resume();
    stream.end();
  }

  /** Somebody was not taken as an agent. Never rejects: they have been turned away already. */
  async onRefused(event: { address: string; reason: string; id?: string }): Promise<void> {
    try {
      await this.#refusals.add({
        type: 'agent.refused',
        actor: 'system',
        source: event.address,
        reason: event.reason,
        ...(event.id === undefined ? {} : { agent: event.id }),
      });
    } catch (error) {
      this.#log.error({ err: error }, 'a refused agent could not be audited');
    }
  }

  /** An agent's key seems to have been copied. It is for the customer to say which of the two is the right one. */
  async onDuplicate(duplicate: Duplicate): Promise<void> {
    const host = this.#directory.agent(duplicate.peerId)?.name ?? duplicate.peerId;
    this.#log.warn({ host, ...duplicate }, 'two processes dial with the key of one agent');
    try {
      await this.#presence.duplicated(host, duplicate);
    } catch (error) {
      this.#log.error({ err: error, host }, 'a copied agent key could not be audited');
    }
  }

  /** Follows an agent whose SSH host key was renewed. @throws `identity.refused`, `audit.unavailable`, `store.*` */
  async #pinHostKey(peer: { id: string; name: string }, statement: string | undefined): Promise<void> {
    const agent = await this.#store.findById(peer.id);
    if (statement === undefined || this.#sshKeys === undefined || agent === undefined) return;
    const { identity, clock } = this.#sshKeys;
    const expected = { issuer: agent, audience: identity.id, use: 'host', clock } as const;
    const key = await verifySshKey(statement, expected);
    const [from, to] = [parsePublicLine(agent.sshHostKey).fingerprint, parsePublicLine(key).fingerprint];
    if (from === to) return;
    await this.#presence.hostKeyRotated(peer, { from, to });
    await this.#store.pinHostKey(peer.id, key);
  }

  async #statedClientKey(audience: string): Promise<Record<string, string>> {
    if (this.#sshKeys === undefined) return {};
    const { identity, clientKey, clock } = this.#sshKeys;
    return { clientKey: await signSshKey(identity, { audience, use: 'client', key: clientKey }, clock) };
  }

  async #note(id: string, hello: z.infer<typeof helloSchema>): Promise<void> {
    const { version, platform, target } = hello;
    await this.#store.seen(id, {
      ...(version === undefined ? {} : { version }),
      ...(platform === undefined ? {} : { platform }),
      ...(target === undefined ? {} : { target }),
    });
    const agent = await this.#store.findById(id);
    if (agent !== undefined && this.#directory.has(agent.name)) this.#directory.put(agent);
  }
}

function onceAborted(signal: AbortSignal, run: (why: TunnelClosed) => void): void {
  const tell = (): void => {
    const { reason } = signal;
    const code = typeof reason === 'object' && reason !== null && 'code' in reason ? String(reason.code) : '';
    run({ code: code === '' ? 'tunnel.closed' : code, message: closingText(reason) });
  };
  if (signal.aborted) tell();
  else signal.addEventListener('abort', tell, { once: true });
}

/** The sentence in a tunnel's closing reason. */
export function closingText(reason: unknown): string {
  if (typeof reason === 'object' && reason !== null && 'message' in reason) return String(reason.message);
  return 'the tunnel was closed';
}
