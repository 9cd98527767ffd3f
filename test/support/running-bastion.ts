import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type BastionConfig, bastionPaths, loadBastionConfig } from '../../bastion/config.ts';
import { type BastionDeps, startBastion } from '../../bastion/main.ts';
import { writeProxyEnrolment } from '../../bastion/setup/enrolment-file.ts';
import { initBastion } from '../../bastion/setup/init.ts';
import { cosign } from '../../shared/audit/cosignature.ts';
import type { AuditEvent, Json } from '../../shared/audit/event.ts';
import { systemClock } from '../../shared/clock.ts';
import { ControlClient } from '../../shared/control/client.ts';
import { messageOf } from '../../shared/errors.ts';
import type { PassClaims } from '../../shared/identity/claims.ts';
import {
  createNodeIdentity,
  loadNodeIdentity,
  type NodeIdentity,
} from '../../shared/identity/node-identity.ts';
import { signPass } from '../../shared/identity/pass.ts';
import { createLogger } from '../../shared/log.ts';
import { loadSshKeyFile } from '../../shared/ssh/keys.ts';
import { TunnelAcceptor } from '../../shared/tunnel/acceptor.ts';
import type { Tunnel } from '../../shared/tunnel/tunnel.ts';
import { freePort } from './free-port.ts';
import { createTestKey, ISOLATED, type TestKey } from './ssh-client.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { createTestCertificate } from './test-certificate.ts';
import { waitFor } from './wait-for.ts';

/** What the stand-in for a proxy says about an operator; everything has a default. */
export type TestPass = Partial<Omit<PassClaims, 'iss' | 'iat' | 'exp'>>;

/** Stands in for the vendor's proxy: takes the bastion's tunnels and opens streams with passes of its own making. */
export interface StandInProxy {
  readonly identity: NodeIdentity;
  readonly url: string;
  readonly ca: string;
  /** The bastion's tunnels that are up. */
  readonly tunnels: ReadonlySet<Tunnel>;
  /** What streams were refused with, in order. */
  readonly refusals: string[];
  /** Opens a stream and resolves with the reply, or rejects with the refusal. */
  ask(request: Record<string, unknown>): ReturnType<Tunnel['open']>;
  pass(claims: TestPass): Promise<string>;
  /** A TCP port on which each connection becomes a stream to `host`: what `ssh -J` is for the real proxy. */
  bridge(host: string, claims: () => TestPass): Promise<number>;
}

export interface TestBastion {
  readonly dir: string;
  readonly config: BastionConfig;
  readonly proxy: StandInProxy;
  readonly admin: { readonly username: string; readonly password: string; readonly totpSecret: string };
  readonly operatorKey: TestKey;
  readonly ca: string;
  role: Awaited<ReturnType<typeof startBastion>>;
  call(method: string, params?: Json): Promise<Json>;
  audit(type?: string): Promise<readonly AuditEvent[]>;
  auditHas(type: string, fields?: object): Promise<AuditEvent>;
  /** Arguments for the stock `ssh` to reach `host` as `login`. */
  sshArgs(host: string, login: string, claims?: TestPass): Promise<string[]>;
  accessOn(): Promise<void>;
  restart(): Promise<void>;
}

const OPEN_POLICY = `version: 1
roles:
  - name: support
    groups: [support]
    hosts: { names: ['*'] }
    logins: ['{{sub}}', root, ${JSON.stringify(process.env['USER'] ?? 'root')}]
    allow: [shell, exec, sftp]
    forward: ['127.0.0.1:*', 'localhost:*']
`;

/** Starts a real bastion on loopback that has joined a {@link StandInProxy}; both end with the test. */
export async function startTestBastion(
  options: {
    /** Hosts without an agent; called with the key by which the bastion signs in on them. */
    hosts?: (clientKey: TestKey) => Promise<BastionConfig['hosts']>;
    policy?: string;
    deps?: Partial<BastionDeps>;
    config?: Partial<BastionConfig>;
  } = {},
): Promise<TestBastion> {
  const dir = temporaryDirectory();
  const httpsPort = await freePort();
  const made = await initBastion({ dir, name: 'acme', host: '127.0.0.1', httpsPort });
  const loaded = await loadBastionConfig(made.configPath);
  const clientKeyPath = bastionPaths(loaded).sshClientKey;
  const clientKey = { path: clientKeyPath, ...(await loadSshKeyFile(clientKeyPath)) };
  const hosts = (await options.hosts?.(clientKey)) ?? [];
  const config: BastionConfig = { ...loaded, hosts, ...options.config };
  writeFileSync(config.policy, options.policy ?? OPEN_POLICY);
  const bastionIdentity = await loadNodeIdentity(config.dataDir);
  const operatorKey = await createTestKey(dir, 'operator');
  const proxy = await startStandInProxy(bastionIdentity, operatorKey);
  await writeProxyEnrolment(bastionPaths(config).enrolment, {
    issuer: {
      id: proxy.identity.id,
      name: proxy.identity.name,
      role: 'proxy',
      publicJwk: proxy.identity.publicJwk,
      ca: proxy.ca,
    },
    url: proxy.url,
    fields: {},
  });
  const level = process.env['DRAWBRIDGE_TEST_LOG'] === undefined ? 'silent' : 'debug';
  const log = createLogger({ role: 'bastion', level: level === 'silent' ? 'fatal' : level, format: 'json' });
  const start = () => startBastion(config, { clock: systemClock, log, ...options.deps });
  let control: ControlClient | undefined;

  const bastion: TestBastion = {
    dir,
    config,
    proxy,
    admin: made.admin,
    operatorKey,
    ca: readFileSync(made.ca, 'utf8'),
    role: await start(),
    async call(method, params = {}) {
      control ??= await ControlClient.connect(bastionPaths(config).controlSocket);
      return control.call(method, params);
    },
    async audit(type) {
      const query = { limit: 1000, ...(type === undefined ? {} : { type }) };
      return (await bastion.call('audit.query', query)) as unknown as AuditEvent[];
    },
    auditHas: (type, fields = {}) =>
      waitFor(
        async () =>
          (await bastion.audit(type)).find((event) =>
            Object.entries(fields).every(
              ([key, value]) => JSON.stringify(event[key]) === JSON.stringify(value),
            ),
          ),
        { what: `an event ${type} ${JSON.stringify(fields)}` },
      ),
    async sshArgs(host, login, claims = {}) {
      const port = await proxy.bridge(host, () => claims);
      return [...ISOLATED, '-i', operatorKey.path, '-p', String(port), `${login}@127.0.0.1`];
    },
    async accessOn() {
      await bastion.call('access.set', { state: 'on', reason: 'test' });
      await waitFor(() => proxy.tunnels.size > 0, { what: 'a tunnel of the bastion' });
    },
    async restart() {
      control?.close();
      control = undefined;
      await bastion.role.stop('restart');
      bastion.role = await start();
    },
  };
  onTestFinished(async () => {
    control?.close();
    await bastion.role.stop('the test has finished');
  });
  return bastion;
}

async function startStandInProxy(bastion: NodeIdentity, operatorKey: TestKey): Promise<StandInProxy> {
  const identity = await createNodeIdentity(join(temporaryDirectory(), 'proxy'), 'proxy', 'central');
  const certificate = await createTestCertificate();
  const tunnels = new Set<Tunnel>();
  const log = createLogger({ role: 'proxy', level: 'fatal', format: 'json' });
  const acceptor = new TunnelAcceptor({
    identity,
    findPeer: async (id) =>
      id === bastion.id ? { id, name: 'acme', publicJwk: bastion.publicJwk } : undefined,
    onTunnel: (tunnel) => {
      tunnels.add(tunnel);
      tunnel.signal.addEventListener('abort', () => tunnels.delete(tunnel), { once: true });
    },
    // As a witness it believes everything; the real one is in proxy/witness.
    onStream: (incoming) => {
      const { kind, note } = incoming.request;
      if (kind === 'witness' && typeof note === 'string') {
        incoming.accept({ outcome: 'cosigned', note: cosign(note, identity, systemClock.nowMs()) }).end();
      } else incoming.refuse('stream.unknown_kind', 'Bastions open no other streams.');
    },
    onRefused: () => undefined,
    clock: systemClock,
    log,
  });
  const server = createHttpsServer({ cert: certificate.cert, key: certificate.key });
  server.on('upgrade', (request, socket, head) => acceptor.handleUpgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await acceptor.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const refusals: string[] = [];

  const proxy: StandInProxy = {
    identity,
    url: `https://127.0.0.1:${port}`,
    ca: certificate.ca,
    tunnels,
    refusals,
    ask(request) {
      const [tunnel] = tunnels;
      if (tunnel === undefined) throw new Error('the bastion is not connected');
      const opened = tunnel.open({ v: 1, kind: 'ssh', ...request });
      opened.stream.on('error', () => undefined);
      return opened;
    },
    pass: (claims) =>
      signPass(
        identity,
        {
          sub: 'alice',
          aud: bastion.id,
          groups: ['support'],
          amr: ['pwd', 'otp', 'mfa'],
          auth_time: Math.floor(Date.now() / 1000),
          cnf: operatorKey.fingerprint,
          ...claims,
        },
        systemClock,
      ),
    async bridge(host, claims) {
      const sockets = new Set<Socket>();
      const listener = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => sockets.delete(socket));
        void carry(proxy, socket, host, claims());
      });
      await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
      onTestFinished(async () => {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => listener.close(resolve));
      });
      return (listener.address() as AddressInfo).port;
    },
  };
  return proxy;
}

async function carry(proxy: StandInProxy, socket: Socket, host: string, claims: TestPass): Promise<void> {
  try {
    const { stream, reply } = proxy.ask({ host, source: '192.0.2.7', pass: await proxy.pass(claims) });
    socket.pipe(stream);
    stream.pipe(socket);
    stream.on('close', () => socket.destroy());
    await reply;
  } catch (error) {
    proxy.refusals.push(messageOf(error));
    socket.destroy();
  }
}

/** A stock `ssh` that goes on while the test does something else. Killed with the test. */
export function spawnSsh(args: readonly string[]) {
  const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const seen = { stdout: '', stderr: '', stdoutBytes: 0, lastOutputAtMs: 0 };
  child.stdout.on('data', (chunk: Buffer) => {
    seen.stdoutBytes += chunk.length;
    seen.lastOutputAtMs = performance.now();
    if (seen.stdout.length < 1_000_000) seen.stdout += chunk.toString('latin1');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    seen.stderr += chunk.toString('utf8');
  });
  child.stdin.on('error', () => undefined);
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, seen, ended };
}
