import { readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { readCast } from '../../recordings/cast-reader.ts';
import type { SessionSummary } from '../../bastion/service.ts';
import type { AuditEvent } from '../../shared/audit/event.ts';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { spawnSsh, startTestBastion, type TestBastion } from '../support/running-bastion.ts';
import { ISOLATED, runProgram, runSsh } from '../support/ssh-client.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;

/** A bastion with one host, `web-1`, which is an agent's own SSH server behind a TCP port. */
function bastionWithHost(options: Parameters<typeof startTestBastion>[0] = {}): Promise<TestBastion> {
  return startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey);
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: { role: 'web' } }];
    },
    ...options,
  });
}

async function castText(path: string): Promise<string> {
  let text = '';
  for await (const line of readCast(path)) if (line.kind === 'event' && line.code === 'o') text += line.data;
  return text;
}

describe('the whole path through a bastion', () => {
  let bastion: TestBastion;

  beforeEach(async () => {
    bastion = await bastionWithHost();
    await bastion.accessOn();
  });

  test('a command gives its output and its exit code, and nothing of ours', async () => {
    const args = await bastion.sshArgs('web-1', LOGIN);
    const result = await runSsh([...args, 'echo out; echo err >&2; exit 42']);
    expect(result).toMatchObject({ code: 42, stdout: 'out\n' });
    expect(result.stderr).toContain('err\n');
    const ended = await bastion.auditHas('exec.ended', { code: 42 });
    expect(ended).toMatchObject({ bytesOut: 8, bytesIn: 0 });
  });
});
