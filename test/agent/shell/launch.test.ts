import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Leftovers } from '../../../agent/leftovers/leftovers.ts';
import { type Account, findAccount, isSuperuser, parsePasswdLine } from '../../../agent/shell/account.ts';
import { findSystemTools, launchOf } from '../../../agent/shell/launch.ts';
import { LoginRecords } from '../../../agent/shell/login-records.ts';
import { serveSession } from '../../../agent/ssh/session-channel.ts';
import { systemClock } from '../../../shared/clock.ts';
import { silentLogger } from '../../../shared/log.ts';
import { createTestKey, ISOLATED, runSsh, type TestKey } from '../../support/ssh-client.ts';
import { startTestServer, type TestServer } from '../../support/ssh-test-server.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const account: Account = { name: 'deploy', uid: 4321, gid: 4322, home: '/home/deploy', shell: '/bin/zsh' };

describe('the command line of a session', () => {
  const tools = {
    setpriv: '/usr/bin/setpriv',
    bash: '/bin/bash',
    su: '/bin/su',
    prlimit: '/usr/bin/prlimit',
  };
  const env = {
    LD_PRELOAD: '/home/deploy/mine.so',
    LANGUAGE: '../../home/deploy',
    MARK: 'm',
    USER: 'deploy',
  };

  it('never starts anything as root in the place of an account', () => {
    const program = { kind: 'command', command: 'id' } as const;
    const options = { account, program, become: true, env: { USER: 'deploy' } } as const;
    expect(() => launchOf(options, { ...tools, setpriv: undefined }, [])).toThrow(
      'This host has no setpriv, so nothing can be started as deploy.',
    );
    expect(launchOf(options, tools, []).line.join(' ')).toContain(
      '/usr/bin/setpriv --pdeathsig HUP --reuid 4321 --regid 4322 --init-groups -- /bin/sh -c export USER=',
    );
    expect(launchOf(options, tools, []).line.slice(-3)).toEqual(['/bin/zsh', '-c', 'id']);
  });

  it('keeps what the operator and the account choose out of the steps that are root', () => {
    const program = { kind: 'command', command: 'id' } as const;
    const launch = launchOf({ account, program, become: true, env }, tools, ['MARK']);
    const obeyed = Object.entries(launch.env).filter(([name]) => !name.startsWith('DRAWBRIDGE_LATER_'));
    const expected = { MARK: 'm', HOME: '/home/deploy', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
    expect(Object.fromEntries(obeyed)).toEqual(expected);
    // Arguments can be read by everybody on the host.
    expect(launch.line.join(' ')).not.toContain(env.LD_PRELOAD);
    expect(launchOf({ account, program, become: false, env }, tools, ['MARK']).env).toEqual(env);
  });

  it('starts a login shell under a name with a dash', () => {
    const options = { account, program: { kind: 'login-shell' }, become: false, env } as const;
    const { line } = launchOf(options, tools, []);
    expect(line.slice(-3)).toEqual(['exec -a "$0" "$@"', '-zsh', '/bin/zsh']);
    const without = launchOf(options, { ...tools, bash: undefined }, []);
    expect(without.line.slice(-2)).toEqual(['/bin/zsh', '-l']);
  });
});

describe('accounts', () => {
  it('are read from lines of passwd, and nothing else is', () => {
    expect(parsePasswdLine('a:x:1:2:gecos:/home/a:/bin/bash', 'a')).toEqual({
      name: 'a',
      uid: 1,
      gid: 2,
      home: '/home/a',
      shell: '/bin/bash',
    });
    expect(parsePasswdLine('a:x:1:2:::', 'a')).toMatchObject({ home: '/', shell: '/bin/sh' });
    for (const line of ['', 'b:x:1:2:::', 'a:x:-1:2:::', 'a:x:one:2:::', 'a:x']) {
      expect(parsePasswdLine(line, 'a')).toBeUndefined();
    }
  });

  it('are found by the system, and others are not', async () => {
    expect(await findAccount('root')).toMatchObject({ uid: 0, gid: 0 });
    expect(await findAccount('no-such-account')).toBeUndefined();
  });
});

describe.runIf(isSuperuser())('an agent that is root', () => {
  const leftovers = new Leftovers({
    owner: 'test',
    ends: () => true,
    clock: systemClock,
    log: silentLogger(),
  });
  const directory = createTemporaryDirectory();
  let key: TestKey;
  let server: TestServer;
  const nobody = {
    name: 'nobody',
    uid: Number(execFileSync('id', ['-u', 'nobody'])),
    gid: Number(execFileSync('id', ['-g', 'nobody'])),
    home: '/',
    shell: '/bin/sh',
  };

  /** `setpriv`, which first notes what the last step that is root was given. */
  const noting = join(directory.path, 'setpriv');
  const noted = join(directory.path, 'noted');

  beforeAll(async () => {
    key = await createTestKey(directory.path);
    writeFileSync(noting, `#!/bin/sh\nenv > ${noted}\nexec ${findSystemTools().setpriv} "$@"\n`);
    chmodSync(noting, 0o755);
    server = await startTestServer(key, {
      onSession: (open, connection) =>
        serveSession(open.accept(), {
          connection,
          processes: leftovers.begin(),
          pam: async () => ({
            umask: '0022',
            limits: [],
            env: { LD_BIND_NOW: "the account's" },
            close: () => undefined,
          }),
          records: new LoginRecords(systemClock, silentLogger(), { present: [], past: [], last: [] }),
          forwarding: true,
          account: nobody,
          become: true,
          tools: { ...findSystemTools(), setpriv: noting },
          sftpServer: ['/bin/false'],
          clock: systemClock,
          log: silentLogger(),
        }),
    });
  });
  afterAll(async () => {
    await server.listener.close('The test is over.');
    directory.remove();
  });

  function ssh(...args: string[]) {
    const where = ['-p', String(server.port), '-i', key.path, 'x@127.0.0.1'];
    return runSsh([...args.slice(0, -1), ...ISOLATED, ...where, ...args.slice(-1)]);
  }

  it('gives the socket of a forwarded SSH agent to the account, and nothing beside it', async () => {
    const look =
      'echo "$SSH_AUTH_SOCK"; d=$(dirname "$SSH_AUTH_SOCK"); stat -c "%U %a" "$SSH_AUTH_SOCK" "$d"; echo x > "$d/y" || echo no';
    const socket = join(directory.path, 'operator-agent');
    const operatorAgent = createServer((client) => client.destroy()).listen(socket);
    onTestFinished(() => {
      operatorAgent.close();
    });
    const env = { SSH_AUTH_SOCK: socket };
    const where = ['-p', String(server.port), '-i', key.path, 'x@127.0.0.1'];
    const run = await runSsh(['-A', '-o', `IdentityAgent=${socket}`, ...ISOLATED, ...where, look], { env });
    const [path = '', ...rest] = run.stdout.split('\n');
    expect(rest).toEqual(['nobody 600', 'root 711', 'no', '']);
    await waitFor(() => !existsSync(dirname(path)), { what: 'the socket to be gone' });
  });

  it('becomes the account with all of its groups and none of its own', async () => {
    const expected = execFileSync('id', ['nobody']).toString();
    expect((await ssh('id')).stdout).toBe(expected);
    expect((await ssh('cat /etc/shadow')).code).not.toBe(0);
    expect((await ssh('grep -E "^Cap(Prm|Eff):" /proc/self/status')).stdout.match(/0{16}/g)).toHaveLength(2);
  });

  it('gives the account its environment, and no step before that', async () => {
    const command = 'echo "$LD_BIND_NOW $LC_ALL $USER"';
    expect((await ssh('-o', 'SetEnv=LC_ALL=/tmp/mine', command)).stdout).toBe(
      "the account's /tmp/mine nobody\n",
    );
    const names = readFileSync(noted, 'utf8')
      .split('\n')
      .map((line) => line.split('=')[0]);
    const obeyed = names.filter((name) => name !== '' && !name?.startsWith('DRAWBRIDGE_LATER_'));
    expect(obeyed.sort()).toEqual(['DRAWBRIDGE_SESSION', 'HOME', 'PATH', 'PWD']);
    expect((await ssh('env | grep -c LATER')).stdout).toBe('0\n');
  });

  it('gives the terminal to the account, and keeps exit statuses and signals real', async () => {
    const result = await ssh('-tt', 'stat -c "%U %a" $(tty); echo $SSH_TTY; exit 9');
    expect(result.stdout).toMatch(/^nobody 620\r\n\/dev\/pts\/\d+\r\n$/);
    expect(result.code).toBe(9);
    const killed = await ssh('-o', 'LogLevel=DEBUG1', 'kill -USR1 $$');
    expect(killed.stderr).toContain('rtype exit-signal');
  });
});
