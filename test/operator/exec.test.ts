import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runOnHosts } from '../../operator/exec.ts';
import { openHome } from '../../operator/home.ts';
import type { ReachableHost } from '../../operator/hosts.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const hosts = (count: number): ReachableHost[] =>
  Array.from({ length: count }, (_, n) => ({
    name: `h${n}.acme`,
    bastion: 'acme',
    online: true,
    labels: {},
  }));

/** Puts a script in the place of ssh and gives a home for it. */
function withSsh(script: string) {
  const folder = temporaryDirectory();
  writeFileSync(join(folder, 'ssh'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${folder}:${process.env['PATH']}`);
  return { folder, home: openHome(folder, {}) };
}

describe('a command on many hosts', () => {
  it('is given up on all that run when it is cancelled, and Node.js takes the many for no leak', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): number => warnings.push(warning);
    process.on('warning', onWarning);
    try {
      const { home } = withSsh('echo started; exec sleep 600');
      const cancel = new AbortController();
      const started = new Set<string>();
      const results = runOnHosts({
        ...{ home, hosts: hosts(14), command: 'true', parallel: 12, signal: cancel.signal },
        onLine: (host) => started.add(host),
      });
      await waitFor(() => started.size === 12, { what: 'twelve to run', timeoutMs: 30_000 });
      cancel.abort();
      expect((await results).map(({ outcome }) => outcome)).toEqual(Array(14).fill('cancelled'));
      expect(warnings).toEqual([]);
    } finally {
      process.off('warning', onWarning);
    }
  });
});
