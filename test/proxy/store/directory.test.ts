import { describe, expect, it } from 'vitest';
import { MemoryDirectory, TUNNELS_PER_BASTION_LIMIT } from '../../../proxy/store/directory.ts';
import type { Tunnel } from '../../../shared/tunnel/tunnel.ts';

/** A tunnel that only knows how busy it is and whether it has ended. */
function idleTunnel(fields: { openStreams?: number; draining?: boolean } = {}): Tunnel {
  const ended = new AbortController();
  return {
    id: 't',
    openStreams: fields.openStreams ?? 0,
    rttMs: undefined,
    draining: fields.draining ?? false,
    open: () => {
      throw new Error('not opened in this test');
    },
    drain: async () => undefined,
    close: (code, message) => ended.abort({ code, message }),
    signal: ended.signal,
  };
}

describe('the directory of tunnels', () => {
  it('gives the least busy tunnel that takes streams', async () => {
    const directory = new MemoryDirectory();
    const idle = idleTunnel({ openStreams: 1 });
    await directory.add('b-1', idleTunnel({ openStreams: 3 }));
    await directory.add('b-1', idle);
    await directory.add('b-1', idleTunnel({ openStreams: 0, draining: true }));
    expect(await directory.find('b-1')).toBe(idle);
    expect(await directory.find('b-2')).toBeUndefined();
    expect(await directory.count('b-1')).toBe(3);
  });

  it('forgets a tunnel when it ends', async () => {
    const directory = new MemoryDirectory();
    const tunnel = idleTunnel();
    await directory.add('b-1', tunnel);
    tunnel.close('x', 'x');
    expect(await directory.find('b-1')).toBeUndefined();
    expect(await directory.count('b-1')).toBe(0);
  });

  it('never takes a tunnel that has ended already', async () => {
    const directory = new MemoryDirectory();
    const tunnel = idleTunnel();
    tunnel.close('x', 'x');
    await directory.add('b-1', tunnel);
    expect(await directory.count('b-1')).toBe(0);
  });

  it('closes all tunnels of one bastion and no other', async () => {
    const directory = new MemoryDirectory();
    const other = idleTunnel();
    await directory.add('b-1', idleTunnel());
    await directory.add('b-1', idleTunnel());
    await directory.add('b-2', other);
    expect(await directory.closeAll('b-1', 'bastion.revoked', 'gone')).toBe(2);
    expect(await directory.count('b-1')).toBe(0);
    expect(other.signal.aborted).toBe(false);
  });

  it('closes the oldest tunnel of a bastion that has too many', async () => {
    const directory = new MemoryDirectory();
    const tunnels = Array.from({ length: TUNNELS_PER_BASTION_LIMIT + 1 }, () => idleTunnel());
    for (const tunnel of tunnels.slice(0, TUNNELS_PER_BASTION_LIMIT)) await directory.add('b-1', tunnel);
    expect(tunnels.some((tunnel) => tunnel.signal.aborted)).toBe(false);
    for (const tunnel of tunnels.slice(TUNNELS_PER_BASTION_LIMIT)) await directory.add('b-1', tunnel);
    expect(tunnels.map((tunnel) => tunnel.signal.aborted).indexOf(true)).toBe(0);
    expect(await directory.count('b-1')).toBe(TUNNELS_PER_BASTION_LIMIT);
  });
});
