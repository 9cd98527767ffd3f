import { createHash } from 'node:crypto';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { KEPT_INPUT_BYTES } from '../../bastion/evidence/kept-input.ts';
import { readCast } from '../../recordings/cast-reader.ts';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { startTestBastion, type TestBastion } from '../support/running-bastion.ts';
import { runSsh } from '../support/ssh-client.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;
const SCRIPT = 'set -e\necho "grüß dich" >/dev/null\n';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const role = (name: string, host: string) => `  - name: ${name}
    groups: [support]
    hosts: { names: [${host}] }
    logins: [${JSON.stringify(LOGIN)}]
    allow: [shell, exec, sftp]
`;

/** Keeps standard input on `web-1`, and not on `db-1`. */
const POLICY = `version: 1
roles:
${role('kept', 'web-1')}    record: { stdin: true }
${role('counted', 'db-1')}`;

/** Runs a command with this standard input, and gives what was entered of it and the events of its recording. */
async function sent(bastion: TestBastion, host: string, args: readonly string[], input: string | Buffer) {
  const before = (await bastion.audit('exec.ended')).length;
  await runSsh([...(await bastion.sshArgs(host, LOGIN)), ...args], { input });
  const ended = await waitFor(async () => (await bastion.audit('exec.ended'))[before]);
  const recording = ended['recording'] as { path: string };
  const events: { code: string; data: string }[] = [];
  for await (const item of readCast(join(bastion.config.dataDir, 'recordings', recording.path))) {
    if (item.kind === 'event') events.push(item);
  }
  const dataOf = (code: string) => events.filter((event) => event.code === code).map(({ data }) => data);
  return { ended, started: (await bastion.audit('exec.started')).at(-1), dataOf };
}

test('what is sent to a command is kept where a role says so, and only there', async () => {
  const bastion = await startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey);
      onTestFinished(() => host.close());
      const address = { host: '127.0.0.1', port: host.port };
      return ['web-1', 'db-1'].map((name) => ({ name, address, labels: {} }));
    },
    policy: POLICY,
  });
  await bastion.accessOn();
  const script = await sent(bastion, 'web-1', ['bash -s'], SCRIPT);
  expect(script.dataOf('i').join('')).toBe(SCRIPT);
  expect(script.started).toMatchObject({ keepsStdin: true });
  expect(script.ended).toMatchObject({
    sha256In: sha256(SCRIPT),
    stdinKept: { bytes: Buffer.byteLength(SCRIPT), complete: true },
  });

  const large = await sent(bastion, 'web-1', ['cat >/dev/null'], 'x'.repeat(KEPT_INPUT_BYTES + 10));
  expect(large.dataOf('i').join('')).toBe('x'.repeat(KEPT_INPUT_BYTES));
  expect(large.dataOf('m').join()).toContain('more than');
  expect(large.ended).toMatchObject({
    bytesIn: KEPT_INPUT_BYTES + 10,
    stdinKept: { bytes: KEPT_INPUT_BYTES, complete: false, because: 'size' },
  });

  const binary = await sent(bastion, 'web-1', ['cat >/dev/null'], Buffer.from([0, 1, 2, 255]));
  expect(binary.dataOf('i')).toEqual([]);
  expect(binary.dataOf('m').join()).toContain('not text');

  const terminal = await sent(bastion, 'web-1', ['-tt', 'read -r line'], 'a password\n');
  expect(terminal.dataOf('i')).toEqual([]);
  expect(terminal.ended).not.toHaveProperty('stdinKept');

  const elsewhere = await sent(bastion, 'db-1', ['bash -s'], SCRIPT);
  expect(elsewhere.dataOf('i')).toEqual([]);
  expect(elsewhere.ended).toMatchObject({ sha256In: sha256(SCRIPT) });
  expect(elsewhere.ended).not.toHaveProperty('stdinKept');
  expect(elsewhere.started).not.toHaveProperty('keepsStdin');
});
