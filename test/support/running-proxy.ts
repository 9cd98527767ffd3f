import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { generateSync } from 'otplib';
import { onTestFinished } from 'vitest';
import { loadProxyConfig, type ProxyConfig } from '../../proxy/config.ts';
import { startProxy } from '../../proxy/main.ts';
import { initProxy } from '../../proxy/setup/init.ts';
import type { AuditEvent } from '../../shared/audit/event.ts';
import { ControlClient } from '../../shared/control/client.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import { signEnrolment, verifyEnrolmentReply } from '../../shared/identity/enrolment.ts';
import { verifyIssuerDocument } from '../../shared/identity/issuer-document.ts';
import { parseJoinToken } from '../../shared/identity/join-token.ts';
import { createNodeIdentity, loadNodeIdentity } from '../../shared/identity/node-identity.ts';
import { createLogger } from '../../shared/log.ts';
import type { RunningRole } from '../../shared/role.ts';
import { generateSshKey } from '../../shared/ssh/keys.ts';
import type { StreamHandler } from '../../shared/tunnel/tunnel.ts';
import { Uplink } from '../../shared/tunnel/uplink.ts';
import { ShiftedClock } from './shifted-clock.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

/** An answer of the HTTP API. */
export interface Answer {
  readonly status: number;
  readonly body: { readonly [key: string]: unknown };
}

/** An operator with an account. */
export interface TestUser {
  readonly username: string;
  readonly password: string;
  /** The code of the moment; each call puts the clock forward, so that it was not used before. */
  freshCode(): string;
}

/** Starts a real proxy on loopback with free ports; it ends with the test. */
export async function startTestProxy(options: { dir?: string; config?: Partial<ProxyConfig> } = {}) {
  const dir = options.dir ?? temporaryDirectory();
  const clock = new ShiftedClock();
  const made = await initProxy({ dir, name: 'central', host: '127.0.0.1', httpsPort: 0, sshPort: 0 });
  const config = { ...(await loadProxyConfig(made.configPath)), ...options.config };
  const level = process.env['DRAWBRIDGE_TEST_LOG'] === undefined ? 'fatal' : 'debug';
  const log = createLogger({ role: 'proxy', level, format: 'json' });
  const role: RunningRole = await startProxy(config, { clock, log });
  onTestFinished(() => role.stop('the test has finished'));
  const control = await ControlClient.connect(role.addresses['control'] ?? '');
  onTestFinished(() => control.close());
  const httpsPort = portOf(role.addresses['https']);
  const url = `https://127.0.0.1:${httpsPort}`;
  const ca = readFileSync(made.ca, 'utf8');
  const identity = await loadNodeIdentity(config.dataDir);

  const call = (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => httpsJson(`${url}${path}`, { method, ca, headers }, body);

  const audit = async (type?: string): Promise<readonly AuditEvent[]> =>
    (await control.call('audit.ls', {
      limit: 1000,
      ...(type === undefined ? {} : { type }),
    })) as unknown as AuditEvent[];

  return {
    dir,
    config,
    clock,
    role,
    control,
    url,
    ca,
    caPath: made.ca,
    identity,
    httpsPort,
    sshPort: portOf(role.addresses['ssh']),
    call,
    audit,
    /** Waits for an event: some are stored after the peer has its answer. */
    auditHas: (type: string, fields: object = {}): Promise<AuditEvent> =>
      waitFor(
        async () =>
          (await audit(type)).find((event) =>
            Object.entries(fields).every(
              ([key, value]) => JSON.stringify(event[key]) === JSON.stringify(value),
            ),
          ),
        { what: `an event ${type} ${JSON.stringify(fields)}` },
      ),
    async addUser(username: string, groups: readonly string[] = ['support']): Promise<TestUser> {
      const added = (await control.call('user.add', { username, groups })) as {
        readonly password: string;
        readonly totpSecret: string;
      };
      return {
        username,
        password: added.password,
        freshCode() {
          clock.advance(30_000);
          return generateSync({ secret: added.totpSecret, epoch: Math.floor(clock.nowMs() / 1000) });
        },
      };
    },
    /** Logs the user in, with a fresh key unless one is given. */
    async login(user: TestUser, publicKey?: string) {
      const key = generateSshKey(user.username);
      const answer = await call('POST', '/api/login', {
        username: user.username,
        password: user.password,
        code: user.freshCode(),
        publicKey: publicKey ?? key.publicLine,
      });
      return { answer, key };
    },
    /** Enrols a bastion in the real way and connects it; `onStream` is what it does with streams. */
    async joinBastion(name: string, onStream: StreamHandler) {
      const { token } = (await control.call('bastion.token', { name })) as { readonly token: string };
      const bastion = await createNodeIdentity(join(dir, `bastion-${name}`), 'bastion', name);
      const joinToken = parseJoinToken(token);
      const { document } = (await call('GET', '/.well-known/drawbridge')).body;
      const issuer = await verifyIssuerDocument(String(document), joinToken.issuerThumbprint, clock);
      const hostKey = generateSshKey(name);
      const proof = await signEnrolment(
        joinToken,
        bastion,
        { role: 'bastion', sshHostKey: hostKey.publicLine, fields: { version: '0.0.0' } },
        clock,
      );
      const { body } = await call('POST', '/api/enrol', { proof });
      const fields = await verifyEnrolmentReply(String(body['reply']), {
        issuer,
        joinerId: bastion.id,
        clock,
      });
      const uplink = new Uplink({
        url,
        identity: bastion,
        peer: { id: issuer.id, publicJwk: issuer.publicJwk },
        egress: createEgress({}, { env: {}, extraCa: [ca] }),
        tunnels: 1,
        onStream,
        clock,
        log,
      });
      onTestFinished(() => uplink.stop('test.finished', 'The test has finished.'));
      uplink.start();
      await waitFor(
        async () =>
          ((await control.call('bastion.list')) as unknown as { name: string; online: boolean }[]).some(
            (listed) => listed.name === name && listed.online,
          ),
        { what: `bastion ${name} to be online` },
      );
      return { identity: bastion, issuer, uplink, token, proof, reply: fields, hostKey };
    },
  };
}

export type TestProxy = Awaited<ReturnType<typeof startTestProxy>>;

/** One HTTPS request, with its JSON answer. */
export function httpsJson(
  url: string,
  options: { readonly method: string; readonly ca: string; readonly headers?: Record<string, string> },
  body?: unknown,
): Promise<Answer> {
  const payload = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: options.method,
        ca: options.ca,
        agent: false,
        headers: {
          ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          try {
            resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answer['body'] });
          } catch (error) {
            reject(new Error(`no JSON: ${text}`, { cause: error }));
          }
        });
      },
    );
    sent.on('error', reject);
    sent.end(payload);
  });
}

function portOf(address: string | undefined): number {
  return Number(address?.split(':').at(-1));
}
