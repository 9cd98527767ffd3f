import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyPass } from '../../../shared/identity/pass.ts';
import { SeenOnce } from '../../../shared/identity/seen-once.ts';
import type { IncomingStream } from '../../../shared/tunnel/tunnel.ts';
import { echo, openFrontDoor } from '../../support/proxy-front-door.ts';
import { createTestKey } from '../../support/ssh-client.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A refusal must be there so soon. */
const SOON_MS = 2_000;

/** Without the line about the host key that the test's client does not know. */
function quiet(stderr: string): string {
  return stderr.replace(/^Warning: Permanently added .*\r?\n/m, '');
}

async function timed<T>(work: Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await work;
  expect(performance.now() - startMs).toBeLessThan(SOON_MS);
  return result;
}

describe('an operator whose account is disabled', () => {
  it('does not slip through while the bastion is still deciding', async () => {
    const door = await openFrontDoor({
      bastion: async (incoming, tunnel) => {
        await door.store.accounts.disableAccount('alice', door.clock.nowMs());
        return echo(incoming, tunnel);
      },
    });
    const key = await door.loginKey();
    const { code, stdout, stderr } = await door.through(key, 'web-1.acme', { input: 'x' });
    expect({ code, stdout }).toEqual({ code: 255, stdout: '' });
    expect(stderr).toContain('Your login has ended.');
  });
});

describe('an operator with the key of a login', () => {
  it('reaches a host without a prompt, and bytes pass both ways to their ends', async () => {
    const door = await openFrontDoor();
    const key = await door.loginKey();
    const { code, stdout, stderr } = await door.through(key, 'web-1.acme', { input: 'over and back' });
    expect({ code, stdout, stderr: quiet(stderr) }).toEqual({ code: 0, stdout: 'over and back', stderr: '' });
    expect(door.audit.ofType('operator.admitted')).toMatchObject([
      { operator: 'alice', host: 'web-1', bastion: 'acme', fingerprint: key.fingerprint, by: 'login' },
    ]);
  });

  it('is vouched for with a pass that names the key, the groups and what was proven', async () => {
    const seen: IncomingStream['request'][] = [];
    const door = await openFrontDoor({
      bastion: (incoming, tunnel) => {
        seen.push(incoming.request);
        return echo(incoming, tunnel);
      },
    });
    const key = await door.loginKey();
    await door.through(key, 'web-1.acme', { input: 'x' });
    const [request] = seen;
    expect(request).toMatchObject({ v: 1, kind: 'ssh', host: 'web-1', source: '127.0.0.1' });
    const claims = await verifyPass(String(request?.['pass']), {
      issuer: { id: door.identity.id, publicJwk: door.identity.publicJwk },
      audience: door.bastionId,
      seen: new SeenOnce({ limit: 10, clock: door.clock }),
      clock: door.clock,
    });
    expect(claims).toMatchObject({
      sub: 'alice',
      groups: ['support'],
      amr: ['pwd', 'otp', 'mfa'],
      cnf: key.fingerprint,
    });
    expect(claims.auth_time).toBeGreaterThan(claims.iat - 60);
  });

  it('gets 24 MiB there and back unchanged', async () => {
    const door = await openFrontDoor();
    const key = await door.loginKey();
    const input = randomBytes(24 * 1024 * 1024);
    const { stdoutBytes } = await door.through(key, 'web-1.acme', { input });
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
    expect(digest(stdoutBytes)).toBe(digest(input));
  });

  it('is told that the login has expired, and is not let in', async () => {
    const door = await openFrontDoor();
    const key = await door.loginKey();
    door.clock.advance(8 * 3_600_000);
    const { code, stderr } = await timed(door.through(key, 'web-1.acme'));
    expect(code).toBe(255);
    expect(stderr).toContain('Your login has expired. Run `drawbridge login` and try again.');
    expect(door.audit.ofType('operator.refused')).toMatchObject([
      { reason: 'login_expired', operator: 'alice', fingerprint: key.fingerprint },
    ]);
  });

  it('is cut when the account is disabled, and not let in again', async () => {
    const door = await openFrontDoor();
    const key = await door.loginKey();
    const input = Buffer.alloc(200 * 1024 * 1024);
    const running = door.through(key, 'web-1.acme', { input });
    await waitFor(() => door.relays.count === 1);
    await door.store.accounts.disableAccount('alice', door.clock.nowMs());
    expect(door.relays.cut({ username: 'alice' }, 'Your account has been disabled.')).toBe(1);
    expect((await running).stderr).toContain('Your account has been disabled.');
    await waitFor(() => door.relays.count === 0);
    expect((await door.through(key, 'web-1.acme')).code).toBe(255);
  });
});

describe('an operator with a registered key', () => {
  it('gets in with the code that is asked for, and the pass says so', async () => {
    const passes: unknown[] = [];
    const door = await openFrontDoor({
      bastion: (incoming, tunnel) => {
        passes.push(incoming.request['pass']);
        return echo(incoming, tunnel);
      },
    });
    const key = await door.registeredKey();
    const { code, stdout, stderr } = await door.through(key, 'web-1.acme', {
      code: door.freshCode(),
      input: 'hello',
    });
    expect({ code, stdout, stderr: quiet(stderr) }).toEqual({ code: 0, stdout: 'hello', stderr: '' });
    expect(readFileSync(join(door.dir, 'asked'), 'utf8')).toContain('Code: ');
    const payload = JSON.parse(
      Buffer.from(String(passes[0]).split('.')[1] ?? '', 'base64url').toString(),
    ) as object;
    expect(payload).toMatchObject({ amr: ['swk', 'otp', 'mfa'], cnf: key.fingerprint });
    expect(door.audit.ofType('operator.signed_in')).toMatchObject([{ operator: 'alice', by: 'code' }]);
  });

  it('is told that a code is wrong', async () => {
    const door = await openFrontDoor();
    const key = await door.registeredKey();
    const { code, stderr } = await timed(door.through(key, 'web-1.acme', { code: '000000' }));
    expect(code).toBe(255);
    expect(stderr).toContain('This code is wrong.');
    expect(door.audit.ofType('operator.refused')).toMatchObject([
      { reason: 'wrong_code', operator: 'alice' },
    ]);
  });

  it('is told that a code was used already', async () => {
    const door = await openFrontDoor();
    const key = await door.registeredKey();
    const spent = door.freshCode();
    expect((await door.through(key, 'web-1.acme', { code: spent })).code).toBe(0);
    const { code, stderr } = await timed(door.through(key, 'web-1.acme', { code: spent }));
    expect(code).toBe(255);
    expect(stderr).toContain('This code has been used already. Wait for the next one.');
    expect(door.audit.ofType('operator.refused')).toMatchObject([
      { reason: 'spent_code', operator: 'alice' },
    ]);
  });

  it('gets one in of two that come with one code at the same time', async () => {
    const door = await openFrontDoor();
    const key = await door.registeredKey();
    const shared = door.freshCode();
    const both = await Promise.all([1, 2].map(() => door.through(key, 'web-1.acme', { code: shared })));
    expect(both.map(({ code }) => code).sort()).toEqual([0, 255]);
  });

  it('is told to wait after too many wrong codes', async () => {
    const door = await openFrontDoor();
    const key = await door.registeredKey();
    for (let round = 0; round < 5; round++) await door.through(key, 'web-1.acme', { code: '000000' });
    const { stderr } = await door.through(key, 'web-1.acme', { code: door.code() });
    expect(stderr).toMatch(/There were too many failed tries. Try again in \d+ seconds./);
  });

  it('does not get in with the key alone', async () => {
    const door = await openFrontDoor();
    const key = await door.registeredKey();
    const options = ['-o', 'PreferredAuthentications=publickey', '-o', 'BatchMode=yes'];
    expect((await door.through(key, 'web-1.acme', { options })).code).toBe(255);
    expect(door.audit.ofType('operator.admitted')).toEqual([]);
  });
});

describe('somebody whose key is not known', () => {
  it('is refused with a sentence that says what to do, without being asked for a code', async () => {
    const door = await openFrontDoor();
    const key = await createTestKey(door.dir, 'unknown');
    const { code, stderr } = await timed(door.through(key, 'web-1.acme', { code: door.freshCode() }));
    expect(code).toBe(255);
    expect(stderr).toContain('None of your keys is known here. Run `drawbridge login`');
    await waitFor(() => door.audit.ofType('operator.refused').length > 0);
    expect(door.audit.ofType('operator.refused')).toMatchObject([
      { reason: 'unknown_key', source: '127.0.0.1', fingerprints: [key.fingerprint] },
    ]);
  });

  it('is told to the audit log also when the client asks nothing more', async () => {
    const door = await openFrontDoor();
    const key = await createTestKey(door.dir, 'unknown');
    const options = ['-o', 'PreferredAuthentications=publickey', '-o', 'BatchMode=yes'];
    await timed(door.through(key, 'web-1.acme', { options }));
    await waitFor(() => door.audit.ofType('operator.refused').length === 1);
  });
});

describe('a destination that cannot be had', () => {
  it.each([
    ['web-1.nowhere', 'There is no bastion "nowhere" here.', 'operator.refused', 'bastion.unknown'],
    ['web-1.offline', 'Bastion "offline" is not connected.', 'operator.refused', 'bastion.offline'],
    ['10.0.0.1', 'There is no bastion "1" here.', 'operator.refused', 'bastion.unknown'],
    [
      'localhost',
      'This is not a host that can be reached from here.',
      'forward.refused',
      'destination.invalid',
    ],
  ])('%s is refused with a sentence and an event', async (destination, sentence, type, reason) => {
    const door = await openFrontDoor();
    const key = await door.loginKey();
    const { code, stderr } = await timed(door.through(key, destination));
    expect(code).toBe(255);
    expect(stderr).toContain(sentence);
    expect(door.audit.ofType(type)).toMatchObject([{ reason, operator: 'alice', destination }]);
    expect(door.audit.ofType('operator.admitted')).toEqual([]);
  });

  it("is refused with the bastion's own sentence, and nothing in it that a terminal would act on", async () => {
    const door = await openFrontDoor({
      bastion: (incoming) =>
        incoming.refuse('gate.off', 'Remote access is off.\u001b[2J', 'Ask acme\u2019s admin.'),
    });
    const key = await door.loginKey();
    const { code, stderr } = await timed(door.through(key, 'web-1.acme'));
    expect(code).toBe(255);
    expect(stderr).toContain('Remote access is off. [2J');
    expect(stderr).not.toContain('\u001b');
    expect(door.audit.ofType('operator.refused')).toMatchObject([{ reason: 'gate.off', operator: 'alice' }]);
  });

  it('is refused when the audit log cannot be written, and the bastion is not even asked', async () => {
    let asked = 0;
    const door = await openFrontDoor({
      bastion: (incoming, tunnel) => {
        asked += 1;
        return echo(incoming, tunnel);
      },
    });
    const key = await door.loginKey();
    door.audit.failing = true;
    const { code, stderr } = await door.through(key, 'web-1.acme', { input: 'x' });
    expect({ code, asked }).toEqual({ code: 255, asked: 0 });
    expect(stderr).toContain('The audit log can not be written.');
  });

  it('is refused while the proxy stops', async () => {
    const door = await openFrontDoor();
    const key = await door.loginKey();
    door.stopping.abort();
    expect((await door.through(key, 'web-1.acme')).stderr).toContain('The proxy is stopping.');
  });
});

describe("the proxy's SSH server", () => {
  it('tells who asks for a shell there what it is for', async () => {
    const door = await openFrontDoor();
    const key = await door.loginKey();
    for (const args of [['127.0.0.1'], ['-tt', '127.0.0.1'], ['127.0.0.1', 'id']]) {
      const { code, stdout, stderr } = await door.ssh(key, args);
      expect(code).toBe(1);
      expect(stdout + stderr).toContain('This is a meeting point, not a host.');
      expect(stdout + stderr).toContain('ssh -J proxy.example.com LOGIN@HOST.BASTION');
    }
    expect(door.audit.ofType('channel.refused').length).toBe(3);
  });

  it('lets nobody listen on it', async () => {
    const door = await openFrontDoor();
    const key = await door.loginKey();
    const options = ['-o', 'ExitOnForwardFailure=yes'];
    const { code, stderr } = await door.ssh(key, ['-N', '-R', '0:localhost:22', '127.0.0.1'], { options });
    expect(code).toBe(255);
    expect(stderr).toContain('remote port forwarding failed');
  });

  it('serves the next one after somebody has sent garbage', async () => {
    const door = await openFrontDoor();
    const key = await door.loginKey();
    for (const garbage of [
      randomBytes(4_096),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from('SSH-2.0-x\r\n'),
      'x',
    ]) {
      const socket = connect(door.listener.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(garbage);
      if (garbage.length > 100) socket.write(randomBytes(100_000));
      await new Promise((resolve) => setImmediate(resolve));
      socket.destroy();
    }
    expect((await door.through(key, 'web-1.acme', { input: 'still there' })).stdout).toBe('still there');
  });
});
