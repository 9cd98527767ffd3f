import { isDeepStrictEqual } from 'node:util';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Tunnel, TunnelClosed } from '../../shared/tunnel/tunnel.ts';
import type { HostSummary } from '../service.ts';
import type { EnrolledAgent } from './agent-store.ts';
import { type DirectHostConfig, directHost } from './direct-host.ts';
import { type Host, lostConnection } from './host.ts';

/** Tunnels that one agent may have at once: as many as it may be told to hold, each with one that replaces it. */
export const AGENT_TUNNELS_MAX = 8;

interface KnownAgent {
  agent: EnrolledAgent;
  readonly tunnels: Set<Tunnel>;
  /** Those of them whose agent has said how it serves sessions: none goes to it before. */
  readonly greeted: Set<Tunnel>;
  /** How the last of its tunnels ended, while it has none. */
  away?: TunnelClosed;
}

/** All hosts by name: those with an agent, as it stands now, and those of the config file. */
export class HostDirectory {
  readonly #agents = new Map<string, KnownAgent>();
  #direct: ReadonlyMap<string, DirectHostConfig>;
  readonly #startedAt: string;

  constructor(options: {
    agents: readonly EnrolledAgent[];
    direct: readonly DirectHostConfig[];
    startedAt: string;
  }) {
    for (const agent of options.agents) this.put(agent);
    this.#direct = byName(options.direct);
    this.#startedAt = options.startedAt;
  }

  /** An agent has joined, or said something new about itself. */
  put(agent: EnrolledAgent): void {
    const known = this.#agents.get(agent.name);
    if (known?.agent.id === agent.id) known.agent = agent;
    else this.#agents.set(agent.name, { agent, tunnels: new Set(), greeted: new Set() });
  }

  /**
   * Replaces the hosts of the config file.
   * @returns the names of those that are gone, or are another machine now
   */
  setDirect(direct: readonly DirectHostConfig[]): string[] {
    const before = this.#direct;
    this.#direct = byName(direct);
    return [...before.values()]
      .filter((config) => !this.#agents.has(config.name))
      .filter((config) => !isDeepStrictEqual(this.#direct.get(config.name)?.address, config.address))
      .map((config) => config.name);
  }

  /** True when `name` is taken. */
  has(name: string): boolean {
    return this.#agents.has(name) || this.#direct.has(name);
  }

  /** The host by that name, as it stands now. An agent comes before a config entry of the same name. */
  find(name: string): Host | undefined {
    const known = this.#agents.get(name);
    if (known !== undefined) return agentHost(known);
    const config = this.#direct.get(name);
    return config === undefined ? undefined : directHost(config);
  }

  /** All hosts, by name. */
  all(): Host[] {
    const direct = [...this.#direct.values()]
      .filter((config) => !this.#agents.has(config.name))
      .map(directHost);
    return [...[...this.#agents.values()].map(agentHost), ...direct].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
  }

  /** An agent's tunnel is up; sessions wait for {@link greeted}. False when it has too many, or is no longer enrolled. */
  connected(agentId: string, tunnel: Tunnel): boolean {
    const known = this.#byId(agentId);
    if (known === undefined || known.tunnels.size >= AGENT_TUNNELS_MAX) return false;
    known.tunnels.add(tunnel);
    delete known.away;
    return true;
  }

  /** The agent has said hello on its tunnel, and {@link put} has what it said: sessions may go to it. */
  greeted(agentId: string, tunnel: Tunnel): void {
    const known = this.#byId(agentId);
    if (known?.tunnels.has(tunnel) === true) known.greeted.add(tunnel);
  }

  disconnected(agentId: string, tunnel: Tunnel, why: TunnelClosed): void {
    const known = this.#byId(agentId);
    if (known === undefined) return;
    known.greeted.delete(tunnel);
    if (known.tunnels.delete(tunnel) && known.tunnels.size === 0) known.away = why;
  }

  agent(agentId: string): EnrolledAgent | undefined {
    return this.#byId(agentId)?.agent;
  }

  /** Closes the tunnels of an agent, which stays enrolled. */
  cut(agentId: string, code: string, message: string): void {
    for (const tunnel of this.#byId(agentId)?.tunnels ?? []) tunnel.close(code, message);
  }

  /** Forgets an agent and cuts its tunnels at once. */
  remove(name: string, code: string, message: string): void {
    const known = this.#agents.get(name);
    this.#agents.delete(name);
    for (const tunnel of known?.tunnels ?? []) tunnel.close(code, message);
  }

  /** All hosts as users see them. */
  summaries(): HostSummary[] {
    return this.all().map((host) => {
      const common = {
        id: host.id,
        name: host.name,
        online: host.online,
        via: host.via,
        target: host.target,
        labels: host.labels,
      };
      const known = this.#agents.get(host.name);
      if (known === undefined) return { ...common, joinedAt: this.#startedAt };
      const { agent, away } = known;
      const { version, platform, joinedAt, lastSeenAt } = agent;
      return {
        ...common,
        ...(version === undefined ? {} : { version }),
        ...(platform === undefined ? {} : { platform }),
        joinedAt,
        ...(lastSeenAt === undefined ? {} : { lastSeenAt }),
        ...(away === undefined ? {} : { away }),
      };
    });
  }

  #byId(agentId: string): KnownAgent | undefined {
    for (const known of this.#agents.values()) if (known.agent.id === agentId) return known;
    return undefined;
  }
}

function byName(direct: readonly DirectHostConfig[]): ReadonlyMap<string, DirectHostConfig> {
  return new Map(direct.map((config) => [config.name, config]));
}

function agentHost(known: KnownAgent): Host {
  const { agent } = known;
  return {
    id: agent.id,
    name: agent.name,
    labels: agent.labels,
    via: 'agent',
    target: agent.target,
    online: leastBusy(known.greeted) !== undefined,
    ...(agent.target === 'builtin' ? { pinnedHostKey: agent.sshHostKey } : {}),
    // It says on its tunnels that it is about to go before it ends what they carry.
    loss: () =>
      [...known.tunnels].some(({ draining }) => draining)
        ? { code: 'host.stopped', message: `The agent on ${agent.name} is being stopped.` }
        : lostConnection(agent.name),
    connect: async (signal) => {
      const tunnel = leastBusy(known.greeted);
      if (tunnel === undefined) {
        throw new DrawbridgeError('host.offline', `The host ${agent.name} is not connected.`, {
          hint: 'Its agent may be stopped, or its network may be down.',
        });
      }
      const { stream, reply } = tunnel.open({ v: 1, kind: 'ssh' }, { signal });
      // Not waited for: the SSH handshake goes along with it, and a refusal ends the stream with its own sentence.
      reply.catch((error: Error) => stream.destroy(error));
      return stream;
    },
  };
}

function leastBusy(tunnels: ReadonlySet<Tunnel>): Tunnel | undefined {
  let best: Tunnel | undefined;
  for (const tunnel of tunnels) {
    if (tunnel.draining || tunnel.signal.aborted) continue;
    if (best === undefined || tunnel.openStreams < best.openStreams) best = tunnel;
  }
  return best;
}
