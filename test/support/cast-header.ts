import type { CastHeader } from '../../recordings/format.ts';

/** A header for recordings made by tests. */
export function castHeader(changes: Partial<CastHeader> = {}): CastHeader {
  return {
    width: 80,
    height: 24,
    timestamp: 1_900_000_000,
    drawbridge: {
      session: 's-1',
      channel: 1,
      operator: 'alice',
      host: 'web-1',
      login: 'deploy',
      bastion: 'b-1',
      kind: 'shell',
    },
    ...changes,
  };
}
