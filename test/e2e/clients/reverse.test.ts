import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientMatrix, TARGETS } from '../../support/client-matrix.ts';
import { freePort } from '../../support/free-port.ts';
import { waitFor } from '../../support/wait-for.ts';

let matrix: ClientMatrix;
let greeter: Server;
let greeterPort: number;

beforeAll(async () => {
  matrix = await ClientMatrix.start();
  const shown = await matrix.demo.customer(['policy', 'show']);
  const allowed = shown.stdout
    .replace(/allow: \[/, 'allow: [agent_forwarding, ')
    .replace(/( +)forward:/, "$1remote_forward: ['127.0.0.1:*', 'localhost:*']\n$1forward:");
  const path = join(matrix.folder, 'policy.yaml');
  writeFileSync(path, allowed);
  const applied = await matrix.demo.customer(['policy', 'apply', path]);
  expect(applied).toMatchObject({ status: 0 });
  greeter = createServer((socket) => socket.on('error', () => undefined).end('greetings\n'));
  await new Promise<void>((resolve) => greeter.listen(0, '127.0.0.1', resolve));
  greeterPort = (greeter.address() as AddressInfo).port;
});
afterAll(async () => {
  greeter?.close();
  await matrix?.stop();
});

const read = (port: number | string): string => `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3'`;

describe('OpenSSH', () => {
  describe.each(TARGETS)('to the $target', ({ index }) => {
    const host = (): string => matrix.host(index);
    const short = (): string => host().split('.')[0] ?? '';

    it('-R: what connects on the host reaches the operator, where the policy lets it', async () => {
      const port = await freePort();
      const run = await matrix.ssh([
        ...['-o', 'ExitOnForwardFailure=yes', '-R', `127.0.0.1:${port}:127.0.0.1:${greeterPort}`],
        host(),
        `${read(port)}; ${read(port)}`,
      ]);
      expect(run).toMatchObject({ status: 0, stdout: 'greetings\ngreetings\n' });
      const destination = `127.0.0.1:${port}`;
      const ended = await matrix.demo.auditEvent(
        (event) => event.type === 'listener.closed' && event['destination'] === destination,
      );
      const events = (await matrix.demo.audit()).filter((event) => event.session === ended.session);
      const closed = events.filter((event) => event.type === 'forward.closed');
      expect(closed).toMatchObject([
        { destination, remote: true, bytesIn: 10, bytesOut: 0, host: short() },
        { destination, remote: true, bytesIn: 10, bytesOut: 0, host: short() },
      ]);
      const types = events.map((event) => event.type);
      expect(types.indexOf('listener.opened')).toBeLessThan(types.indexOf('forward.opened'));
    });

    it('-R: a port that the host chooses, and one that it gives back', async () => {
      const socket = join(matrix.folder, `reverse-${index}`);
      const forward = `127.0.0.1:0:127.0.0.1:${greeterPort}`;
      const master = spawn('ssh', [...matrix.sshOptions, '-N', '-M', '-S', socket, host()], {
        stdio: 'ignore',
      });
      const ended = once(master, 'close');
      try {
        await waitFor(async () => (await matrix.local(`$SSH -S ${socket} -O check ${host()}`)).status === 0, {
          what: 'the master',
          timeoutMs: 15_000,
        });
        const chosen = await matrix.local(`$SSH -S ${socket} -O forward -R ${forward} ${host()}`);
        const port = chosen.stdout.trim();
        expect(port).toMatch(/^\d+$/);
        expect(await matrix.ssh(['-S', socket, host(), read(port)])).toMatchObject({ stdout: 'greetings\n' });
        await matrix.local(`$SSH -S ${socket} -O cancel -R ${forward} ${host()}`);
        await waitFor(() => isClosed(Number(port)), { what: 'the port to be closed' });
      } finally {
        master.kill();
        await ended;
      }
    });

    it('-R: refused where the policy does not list the address', async () => {
      const run = await matrix.ssh([
        ...['-o', 'ExitOnForwardFailure=yes', '-R', `*:${await freePort()}:127.0.0.1:${greeterPort}`],
        host(),
        'true',
      ]);
      expect(run).toMatchObject({ status: 255 });
      await matrix.demo.auditEvent(
        (event) => event.type === 'forward.refused' && event['remote'] === true && event.host === short(),
      );
    });

    it('-R: nothing of it is left when access is turned off', async () => {
      const port = await freePort();
      const forward = `127.0.0.1:${port}:127.0.0.1:${greeterPort}`;
      const ssh = spawn('ssh', [...matrix.sshOptions, '-N', '-R', forward, host()], { stdio: 'ignore' });
      const ended = once(ssh, 'close');
      await waitFor(async () => !(await isClosed(port)), { what: 'the port to be open', timeoutMs: 15_000 });
      await matrix.demo.customer(['access', 'off']);
      await ended;
      await waitFor(() => isClosed(port), { what: 'the port to be closed' });
      await matrix.demo.customer(['access', 'on']);
      await matrix.demo.connected();
    });

    it('-A: programs on the host reach the agent of the operator, and no longer than the session', async () => {
      const socket = join(matrix.folder, `agent-${index}`);
      const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
      const env = { ...process.env, SSH_AUTH_SOCK: socket };
      try {
        await waitFor(async () => (await matrix.local(`SSH_AUTH_SOCK=${socket} ssh-add -l`)).status !== 2, {
          what: 'the agent',
        });
        const key = join(matrix.folder, `key-${index}`);
        execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
        execFileSync('ssh-add', ['-q', key], { env, stdio: 'ignore' });
        const { stdout: mine } = await matrix.local(`cat ${key}.pub`);
        const run = await matrix.local(
          `SSH_AUTH_SOCK=${socket} $SSH -A -o IdentityAgent=${socket} ${host()} 'ssh-add -L; ssh-add -L; echo "$SSH_AUTH_SOCK"'`,
        );
        expect(run.status).toBe(0);
        const lines = run.stdout.split('\n');
        expect(lines.slice(0, 2)).toEqual([mine.trim(), mine.trim()]);
        const closed = await matrix.demo.auditEvent(
          (event) =>
            event.type === 'forward.closed' && event['destination'] === 'ssh-agent' && event.host === short(),
        );
        expect(closed['bytesIn']).toBeGreaterThan(0);
        await waitFor(() => !existsSync(lines[2] ?? ''), { what: 'the socket to be gone' });
        const without = await matrix.local(
          `SSH_AUTH_SOCK=${socket} $SSH ${host()} 'echo "[$SSH_AUTH_SOCK]"'`,
        );
        expect(without.stdout).toBe('[]\n');
      } finally {
        agent.kill();
      }
    });
  });
});

function isClosed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(true));
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
  });
}
