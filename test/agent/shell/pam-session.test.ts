import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isSuperuser, ownAccount } from '../../../agent/shell/account.ts';
import { findSystemTools } from '../../../agent/shell/launch.ts';
import { startBuiltinHost } from '../../support/builtin-host.ts';
import { isAlive } from '../../support/demo.ts';
import { createTestKey, ISOLATED, runSsh, type TestKey } from '../../support/ssh-client.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const tools = findSystemTools();
const me = ownAccount().name;

/** `su` becomes an account without a question only for root. */
describe.runIf(isSuperuser() && tools.su !== undefined)("the session of the system's PAM modules", () => {
  const directory = createTemporaryDirectory();
  let key: TestKey;

  beforeAll(async () => {
    key = await createTestKey(directory.path);
  });
  afterAll(() => directory.remove());

  /** Runs a command on a host whose `su` is this script, or the real one. */
  async function run(command: string, su?: string, pam = true) {
    const path = join(directory.path, `su-${Math.random()}`);
    if (su !== undefined) {
      writeFileSync(path, `#!/bin/sh\n${su}\n`);
      chmodSync(path, 0o755);
    }
    const host = await startBuiltinHost(key, {
      tools: { ...tools, su: su === undefined ? tools.su : path },
      pam: () => pam,
    });
    onTestFinished(() => host.close());
    return runSsh([...ISOLATED, '-p', String(host.port), '-i', key.path, `${me}@127.0.0.1`, command]);
  }

  it('is open while something runs, and is the account’s', async () => {
    const result = await run('id; exit 7');
    expect(result.stdout).toContain(execFileSync('id', [me]).toString());
    expect(result.code).toBe(7);
  });

  it('gives umask, limits and environment, and takes none of ours', async () => {
    const su = 'umask 027; ulimit -n 321; ulimit -c 0; exec env FROM_PAM=yes HOME=/evil sh -c "$4"';
    const result = await run('umask; ulimit -n; echo "$FROM_PAM $HOME $DRAWBRIDGE_SESSION"', su);
    expect(result.stdout).toMatch(/^0027\n321\nyes \/\S* test\.[0-9a-f]+\n$/);
  });

  it('keeps exit signals real', async () => {
    const host = await startBuiltinHost(key, { pam: () => true });
    onTestFinished(() => host.close());
    const where = ['-o', 'LogLevel=DEBUG1', ...ISOLATED, '-p', String(host.port), '-i', key.path];
    expect((await runSsh([...where, `${me}@127.0.0.1`, 'kill -TERM $$'])).stderr).toContain(
      'rtype exit-signal',
    );
  });

  it('is closed with the connection', async () => {
    const file = join(directory.path, 'holder');
    const result = await run('true', `echo $$ > ${file}; exec sh -c "$4"`);
    expect(result.code).toBe(0);
    expect(existsSync(file)).toBe(true);
    const pid = Number(execFileSync('cat', [file]));
    await waitFor(() => !isAlive(pid), { what: 'the holder to end', timeoutMs: 30_000 });
  });

  it('refuses an account that it does not let in, with its own words', async () => {
    const result = await run('echo ran', 'echo "su: User account has expired" >&2; exit 1');
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('The host does not let this account in: User account has expired.');
    expect(result.code).toBe(127);
  });

  it('believes no process that it has not started, whatever the account makes the holder say', async () => {
    const result = await run('echo ran', 'echo 0022; echo 1; exec cat > /dev/null');
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('what holds its session is not what was started');
  });

  it('is not asked for when it is switched off', async () => {
    const result = await run('echo ran; umask', 'exit 1', false);
    expect(result.stdout).toBe('ran\n0022\n');
  });
});
