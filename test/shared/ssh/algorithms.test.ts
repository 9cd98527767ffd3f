import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestKey, runProgram } from '../../support/ssh-client.ts';
import { startTestServer, type TestServer } from '../../support/ssh-test-server.ts';

let dir: string;
let servers: readonly TestServer[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drawbridge-audit-'));
  const key = await createTestKey(dir);
  // The proxy's name for itself, and the bastion's.
  servers = [await startTestServer(key), await startTestServer(key, { software: 'OpenSSH_Drawbridge' })];
});
afterAll(async () => {
  for (const server of servers) await server.listener.close('The test is over.');
  await rm(dir, { recursive: true, force: true });
});

/** Sound, and newer than ssh-audit 2.5, which says of each that it does not know it. */
const NEWER_THAN_AUDIT = ['mlkem768x25519-sha256', 'kex-strict-s-v00@openssh.com'];

describe('what our servers offer', () => {
  it.each([
    ['proxy', 0],
    ['bastion', 1],
  ])('has no failure and no warning of ssh-audit at the %s', async (_role, index) => {
    const run = await runProgram('ssh-audit', ['-n', '-b', `127.0.0.1:${servers[index]?.port}`]);
    const findings = run.stdout
      .split('\n')
      .filter((line) => /\[(?:fail|warn)\]/.test(line))
      .filter(
        (line) =>
          !(line.includes('unknown algorithm') && NEWER_THAN_AUDIT.some((name) => line.includes(name))),
      );
    expect(run.stdout).toContain('(enc) aes128-gcm@openssh.com');
    expect(findings).toEqual([]);
  });
});
