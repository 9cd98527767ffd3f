import { writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadAgentConfig } from '../../agent/config.ts';
import { startAgent } from '../../agent/main.ts';
import { joinBastion } from '../../agent/setup/join.ts';
import { STREAM_KINDS } from '../../bastion/admission/admission.ts';
import type { PolicyAction } from '../../bastion/policy/decide.ts';
import { ALLOWABLE } from '../../bastion/policy/schema.ts';
import type { CreatedToken, HostSummary } from '../../bastion/service.ts';
import { systemClock } from '../../shared/clock.ts';
import { messageOf } from '../../shared/errors.ts';
import { silentLogger } from '../../shared/log.ts';
import type { SessionStart } from '../../shared/ssh/channel-request.ts';
import type { ChannelTarget } from '../../shared/ssh/channel-target.ts';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { freePort } from '../support/free-port.ts';
import { startRealSshd } from '../support/real-sshd.ts';
import { spawnSsh, startTestBastion, type TestBastion } from '../support/running-bastion.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;
const WAIT = { timeoutMs: 40_000 };

const POLICY = `version: 1
roles:
  - name: support
    groups: [support]
    hosts: { names: ['*'] }
    logins: [${JSON.stringify(LOGIN)}]
    allow: [${ALLOWABLE.join(', ')}]
    forward: ['127.0.0.1:*']
    remote_forward: ['127.0.0.1:*', 'localhost:*']
`;

/** What the ways lead to: both count who is connected, so that a cut is seen from the far end too. */
interface World {
  readonly bastion: TestBastion;
  readonly echo: { readonly port: number; readonly sockets: ReadonlySet<Socket> };
  readonly agent: { readonly path: string; readonly sockets: ReadonlySet<Socket> };
}

/** A way that is being gone. */
interface Going {
  /** Whether bytes have gone there and back. */
  hasMoved(): boolean | Promise<boolean>;
  /** Resolves when the operator's end has seen that it is over. */
  readonly ended: Promise<unknown>;
}

type Way = (world: World) => Promise<Going>;

/** By `ssh`, with `input`, to where `hasMoved` says that the answer has come. */
function bySsh(
  options: { host?: string; before?: readonly string[]; after?: readonly string[]; input?: string | Buffer },
  hasMoved: (seen: { stdout: string; stdoutBytes: number }) => boolean,
): Way {
  return async ({ bastion }) => {
    const args = await bastion.sshArgs(options.host ?? 'direct', LOGIN);
    const ssh = spawnSsh([...(options.before ?? []), ...args, ...(options.after ?? [])]);
    if (options.input !== undefined) ssh.child.stdin.write(options.input);
    return { hasMoved: () => hasMoved(ssh.seen), ended: ssh.ended };
  };
}

const command = (host: string): Way =>
  bySsh({ host, after: ['cat'], input: 'ping\n' }, ({ stdout }) => stdout.includes('ping'));

/** Where an `ssh -N` lets somebody connect: a socket of the operator's, or a port of the host's. */
type Listener = { readonly path: string } | { readonly port: number };

/** By `ssh -N` with a listener, through which a connection goes to the echo. */
function byListener(
  listener: () => Promise<Listener>,
  option: (at: string, echoPort: number) => readonly string[],
): Way {
  return async ({ bastion, echo }) => {
    const at = await listener();
    const args = await bastion.sshArgs('direct', LOGIN);
    const asked = option('path' in at ? at.path : `127.0.0.1:${at.port}`, echo.port);
    const ssh = spawnSsh(['-N', '-o', 'ExitOnForwardFailure=yes', ...asked, ...args]);
    const sockets = new Set<Socket>();
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    let answered = false;
    const hasMoved = async () => {
      if (answered) return true;
      const socket = connect({ host: '127.0.0.1', ...at }, () => socket.write('ping'));
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      const answer = await new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
      answered ||= String(answer) === 'ping';
      return answered;
    };
    const closed = () => waitFor(() => sockets.size === 0, { ...WAIT, what: 'the connections to be cut' });
    return { hasMoved, ended: ssh.ended.then(closed) };
  };
}

const socketOfOperator = async (): Promise<Listener> => ({ path: join(temporaryDirectory(), 'listener') });
const portOfHost = async (): Promise<Listener> => ({ port: await freePort() });

/** By a stream as the vendor's proxy opens it, and nothing in it. */
function byStream(request: Record<string, unknown>): Way {
  return async ({ bastion: { proxy } }) => {
    const { stream, reply } = proxy.ask({ ...request, pass: await proxy.pass({}) });
    let answered = false;
    const replied = reply.then(
      () => {
        answered = true;
      },
      (error: unknown) => {
        proxy.refusals.push(messageOf(error));
        stream.destroy();
      },
    );
    if (request['kind'] === 'hosts') void replied.then(() => stream.destroy());
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.resume();
    return { hasMoved: () => answered, ended: Promise.all([replied, closed]) };
  };
}

const SFTP_INIT = Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]);
const AGENT_ASK = 'Buffer.from([0,0,0,1,11])';
const ASK_THE_AGENT = `'${process.execPath}' -e 'require("net").connect(process.env.SSH_AUTH_SOCK,function(){this.write(${AGENT_ASK})}).pipe(process.stdout)'`;

const WAYS = {
  'a stream that has not signed in': byStream({ host: 'direct' }),
  'the list of hosts': byStream({ kind: 'hosts' }),
  'a terminal': bySsh({ before: ['-tt'], input: 'echo a$((40+2))b\n' }, ({ stdout }) =>
    stdout.includes('a42b'),
  ),
  'a command on a host that is dialled': command('direct'),
  'a command on an sshd that is dialled': command('sshd'),
  'a command on a host with an agent': command('agent'),
  'a command on the sshd behind an agent': command('agent-sshd'),
  sftp: bySsh(
    { before: ['-s'], after: ['sftp'], input: SFTP_INIT },
    ({ stdoutBytes }) => stdoutBytes > SFTP_INIT.length - 1,
  ),
  'sftp by its command': bySsh(
    { after: ['/usr/lib/openssh/sftp-server'], input: SFTP_INIT },
    ({ stdoutBytes }) => stdoutBytes > SFTP_INIT.length - 1,
  ),
  'scp by its command': bySsh({ after: ['scp', '-t', '/tmp'] }, ({ stdoutBytes }) => stdoutBytes > 0),
  'ssh -L': byListener(socketOfOperator, (at, echo) => ['-L', `${at}:127.0.0.1:${echo}`]),
  'ssh -W': async (world) =>
    bySsh({ before: ['-W', `127.0.0.1:${world.echo.port}`], input: 'ping' }, ({ stdout }) =>
      stdout.includes('ping'),
    )(world),
  'ssh -R': byListener(portOfHost, (at, echo) => ['-R', `${at}:127.0.0.1:${echo}`]),
  'ssh -A': async (world) =>
    bySsh(
      { before: ['-A', '-o', `IdentityAgent=${world.agent.path}`], after: [ASK_THE_AGENT] },
      ({ stdoutBytes }) => stdoutBytes > 0,
    )(world),
} satisfies Record<string, Way>;

type WayName = keyof typeof WAYS;

/** `never`: nothing of that kind is ever opened for an operator, whether access is on or off. */
type Covered<Kind extends string> = Readonly<Record<Kind, WayName | 'never'>>;

// A kind that the code comes to know has no entry here, and the types no longer fit.
const STREAMS: Covered<(typeof STREAM_KINDS)[number]> = {
  ssh: 'a stream that has not signed in',
  hosts: 'the list of hosts',
};
const CHANNELS: Covered<ChannelTarget['kind']> = {
  session: 'a terminal',
  'direct-tcpip': 'ssh -L',
  'forwarded-tcpip': 'ssh -R',
  'direct-streamlocal': 'never',
  // The only other type that is taken is that of agent forwarding.
  other: 'ssh -A',
};
const STARTS: Covered<SessionStart['kind']> = {
  shell: 'a terminal',
  exec: 'a command on a host that is dialled',
  subsystem: 'sftp',
};
const ACTIONS: Covered<PolicyAction['kind']> = {
  reach: 'the list of hosts',
  login: 'a stream that has not signed in',
  shell: 'a terminal',
  exec: 'scp by its command',
  sftp: 'sftp by its command',
  forward: 'ssh -W',
  remote_forward: 'ssh -R',
  agent_forwarding: 'ssh -A',
};
const HOSTS: Covered<`${HostSummary['via']} ${HostSummary['target']}`> = {
  'direct builtin': 'a command on a host that is dialled',
  'direct sshd': 'a command on an sshd that is dialled',
  'agent builtin': 'a command on a host with an agent',
  'agent sshd': 'a command on the sshd behind an agent',
};

/** A server that tells who is connected. */
async function serve(
  where: { port: number } | { path: string },
  answer: (chunk: Buffer) => Buffer,
): Promise<{ server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => socket.write(answer(chunk)));
  });
  await new Promise<void>((resolve) => {
    server.listen('port' in where ? { ...where, host: '127.0.0.1' } : where, resolve);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, sockets };
}

async function startWorld(): Promise<World> {
  const sshdPort = await freePort();
  const bastion = await startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey, { sftpServer: ['/usr/lib/openssh/sftp-server'] });
      onTestFinished(() => host.close());
      const folder = temporaryDirectory();
      const keys = join(folder, 'authorized_keys');
      writeFileSync(keys, `${clientKey.publicLine}\n`);
      onTestFinished(await startRealSshd(folder, sshdPort, keys));
      return [
        { name: 'direct', address: { host: '127.0.0.1', port: host.port }, labels: {} },
        { name: 'sshd', address: { host: '127.0.0.1', port: sshdPort }, labels: {} },
      ];
    },
    policy: POLICY,
    // So that streams come and are refused by the gate itself, and not for the want of a tunnel.
    config: { keepTunnelWhenOff: true },
  });
  await Promise.all([joinAgent(bastion, 'agent'), joinAgent(bastion, 'agent-sshd', sshdPort)]);
  await bastion.accessOn();
  const listed = async () => (await bastion.call('hosts.list')) as unknown as HostSummary[];
  await waitFor(async () => (await listed()).every((host) => host.online), WAIT);
  const echo = await serve({ port: 0 }, (chunk) => chunk);
  const address = echo.server.address();
  const path = join(temporaryDirectory(), 'agent');
  // RFC draft-miller-ssh-agent: SSH_AGENT_IDENTITIES_ANSWER with no key.
  const agent = await serve({ path }, () => Buffer.from([0, 0, 0, 5, 12, 0, 0, 0, 0]));
  return {
    bastion,
    echo: {
      port: typeof address === 'object' && address !== null ? address.port : 0,
      sockets: echo.sockets,
    },
    agent: { path, sockets: agent.sockets },
  };
}

async function joinAgent(bastion: TestBastion, name: string, sshdPort?: number): Promise<void> {
  const { token } = (await bastion.call('token.create', { name })) as unknown as CreatedToken;
  const dir = join(temporaryDirectory(), name);
  const { configPath } = await joinBastion({ dir, url: bastion.config.publicUrl, token, name });
  const config = await loadAgentConfig(configPath);
  const target =
    sshdPort === undefined ? {} : { target: 'sshd' as const, sshd: { host: '127.0.0.1', port: sshdPort } };
  const agent = await startAgent({ ...config, ...target }, { clock: systemClock, log: silentLogger() });
  onTestFinished(() => agent.stop('the test has finished'));
}

test('every kind that the code knows stands for a way that is tried', () => {
  expect(Object.keys(STREAMS).sort()).toEqual([...STREAM_KINDS].sort());
  expect(Object.keys(ACTIONS)).toEqual(expect.arrayContaining([...ALLOWABLE]));
  const used = [STREAMS, CHANNELS, STARTS, ACTIONS, HOSTS].flatMap((table) => Object.values(table));
  expect(used.filter((name) => name !== 'never' && !(name in WAYS))).toEqual([]);
});

test('access off cuts every way on which a byte can travel, and opens none', {
  timeout: 120_000,
}, async () => {
  const world = await startWorld();
  const { bastion, echo, agent } = world;
  const ways = Object.entries<Way>(WAYS);

  const going = await Promise.all(ways.map(async ([name, open]) => ({ name, ...(await open(world)) })));
  await Promise.all(going.map(({ name, hasMoved }) => waitFor(hasMoved, { ...WAIT, what: name })));
  expect(echo.sockets.size).toBeGreaterThan(0);
  expect(agent.sockets.size).toBeGreaterThan(0);
  expect(bastion.proxy.refusals).toEqual([]);

  await bastion.call('access.set', { state: 'off', reason: 'try every way' });
  await Promise.all(going.map(({ ended }) => ended));
  await waitFor(() => echo.sockets.size + agent.sockets.size === 0, {
    ...WAIT,
    what: 'the far ends to be cut too',
  });

  const again = await Promise.all(ways.map(async ([name, open]) => ({ name, ...(await open(world)) })));
  await Promise.all(again.map(({ ended }) => ended));
  // Counted before anybody connects to where a listener would be: who listens there now may be somebody else.
  expect(bastion.proxy.refusals).toHaveLength(ways.length);
  for (const { name, hasMoved } of again) expect(await hasMoved(), name).toBe(false);
  for (const refusal of bastion.proxy.refusals) expect(refusal).toContain('turned off');
  expect(echo.sockets.size + agent.sockets.size).toBe(0);
  expect(bastion.proxy.tunnels.size).toBeGreaterThan(0);
});
