import type { Tunnel } from '../../shared/tunnel/tunnel.ts';

/** A bastion with so many tunnels at once is broken or copied; the oldest one makes room. */
export const TUNNELS_PER_BASTION_LIMIT = 16;

/**
 * Which tunnels of which bastion can be used from here. A second proxy node would put a shared one behind the same
 * interface, which is why everything is asynchronous.
 */
export interface Directory {
  /** Enters a tunnel; it leaves by itself when it ends. */
  add(bastionId: string, tunnel: Tunnel): Promise<void>;
  /** The least busy tunnel that takes new streams. */
  find(bastionId: string): Promise<Tunnel | undefined>;
  /** How many tunnels are up, draining ones included. */
  count(bastionId: string): Promise<number>;
  /** Ends all tunnels of a bastion at once; says how many. */
  closeAll(bastionId: string, code: string, message: string): Promise<number>;
}

/** The directory of a proxy that is alone. */
export class MemoryDirectory implements Directory {
  readonly #tunnels = new Map<string, Set<Tunnel>>();

  async add(bastionId: string, tunnel: Tunnel): Promise<void> {
    if (tunnel.signal.aborted) return;
    const own = this.#tunnels.get(bastionId) ?? new Set();
    this.#tunnels.set(bastionId, own);
    own.add(tunnel);
    tunnel.signal.addEventListener('abort', () => this.#remove(bastionId, tunnel), { once: true });
    for (const oldest of own) {
      if (own.size <= TUNNELS_PER_BASTION_LIMIT) break;
      own.delete(oldest);
      oldest.close('tunnel.replaced', 'A newer tunnel of this bastion took its place.');
    }
  }

  async find(bastionId: string): Promise<Tunnel | undefined> {
    let best: Tunnel | undefined;
    for (const tunnel of this.#tunnels.get(bastionId) ?? []) {
      if (tunnel.draining || tunnel.signal.aborted) continue;
      if (best === undefined || tunnel.openStreams < best.openStreams) best = tunnel;
    }
    return best;
  }

  async count(bastionId: string): Promise<number> {
    return this.#tunnels.get(bastionId)?.size ?? 0;
  }

  async closeAll(bastionId: string, code: string, message: string): Promise<number> {
    const own = [...(this.#tunnels.get(bastionId) ?? [])];
    for (const tunnel of own) tunnel.close(code, message);
    return own.length;
  }

  #remove(bastionId: string, tunnel: Tunnel): void {
    const own = this.#tunnels.get(bastionId);
    own?.delete(tunnel);
    if (own?.size === 0) this.#tunnels.delete(bastionId);
  }
}
