import { defineConfig } from 'vitest/config';
import { filesThatShareAProcess } from './tools/test-sharing.ts';

const sharing = filesThatShareAProcess();

// Node.js reads this file at each start, 40 ms for an operating system's bundle: tests start thousands, and need none of it.
delete process.env['NODE_EXTRA_CA_CERTS'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // One more than CI has processors: tests of whole paths spend half of their time waiting for clients and hosts.
    maxWorkers: 3,
    // Real clients on a shared machine: two more tries in CI, which the report shows; at home a failure is a failure.
    retry: process.env['CI'] === undefined ? 0 : 2,
    // In the order of their names: the many short files come last, so that the workers end together.
    projects: [
      { extends: true, test: { name: 'apart', include: ['test/**/*.test.ts'], exclude: sharing } },
      { extends: true, test: { name: 'sharing', include: sharing, isolate: false } },
    ],
  },
});
