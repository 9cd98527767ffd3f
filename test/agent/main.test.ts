import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer, type Server } from 'node:https';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { agentConfigSchema, loadAgentConfig } from '../../agent/config.ts';
import { startAgent } from '../../agent/main.ts';
import { type JoinBastionOptions, joinBastion } from '../../agent/setup/join.ts';
import { ownAccount } from '../../agent/shell/account.ts';
import { systemClock } from '../../shared/clock.ts';
import {
  type EnrolmentRequest,
  readEnrolmentKid,
  signEnrolmentReply,
  verifyEnrolment,
} from '../../shared/identity/enrolment.ts';
import { signIssuerDocument } from '../../shared/identity/issuer-document.ts';
import { createJoinToken } from '../../shared/identity/join-token.ts';
import { createNodeIdentity, type NodeIdentity } from '../../shared/identity/node-identity.ts';
import { silentLogger } from '../../shared/log.ts';
import type { RunningRole } from '../../shared/role.ts';
import { connectSsh, type SshClientConnection } from '../../shared/ssh/client-connection.ts';
import { generateSshKey, parsePublicLine } from '../../shared/ssh/keys.ts';
import { createPrivateCa } from '../../shared/tls/private-ca.ts';
import { TunnelAcceptor } from '../../shared/tunnel/acceptor.ts';
import type { IncomingStream, Tunnel } from '../../shared/tunnel/tunnel.ts';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { createTestKey } from '../support/ssh-client.ts';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

const me = ownAccount();

/** A bastion reduced to what an agent sees of it: issuer document, enrolment, tunnels. */
class SmallBastion {
  readonly tunnels: Tunnel[] = [];
  readonly hellos: IncomingStream['request'][] = [];
  readonly key = generateSshKey('bastion');
  readonly token: string;
  url = '';
  agent: EnrolmentRequest | undefined;
  refuseEnrolment = false;
  readonly #identity: NodeIdentity;
  readonly #server: Server;
  readonly #acceptor: TunnelAcceptor;

  constructor(identity: NodeIdentity, tls: { ca: string; certificate: string; key: string }) {
    this.#identity = identity;
    const token = createJoinToken(identity);
    this.token = token.token;
    this.#acceptor = new TunnelAcceptor({
      identity,
      findPeer: async (id) => (this.agent?.id === id ? this.agent : undefined),
      onTunnel: (tunnel) => {
        this.tunnels.push(tunnel);
      },
      onStream: (incoming) => {
        this.hellos.push(incoming.request);
        incoming.accept().destroy();
      },
      onRefused: () => undefined,
      clock: systemClock,
      log: silentLogger(),
    });
    const options = { cert: readFileSync(tls.certificate), key: readFileSync(tls.key) };
    this.#server = createHttpsServer(options, (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const answer =
          request.url === '/api/enrol' ? this.#enrol(Buffer.concat(chunks), token) : this.#document(tls.ca);
        answer.then(
          (body) => response.end(JSON.stringify(body)),
          (error: Error) => {
            response.statusCode = 403;
            response.end(JSON.stringify({ code: 'enrolment.refused', message: error.message }));
          },
        );
      });
    });
    this.#server.on('upgrade', (request, socket, head) =>
      this.#acceptor.handleUpgrade(request, socket, head),
    );
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    this.url = `https://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  async close(): Promise<void> {
    await this.#acceptor.close();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async ssh(username: string, privateKey = this.key.privateKey): Promise<SshClientConnection> {
    const tunnel = await waitFor(() => this.tunnels.at(-1));
    const { stream, reply } = tunnel.open({ v: 1, kind: 'ssh' });
    stream.on('error', () => undefined);
    await reply;
    const expected = parsePublicLine(this.agent?.sshHostKey ?? '').blob;
    const verifyHostKey = (blob: Buffer) => blob.equals(expected);
    return connectSsh(stream, { username, privateKey, verifyHostKey, timeoutMs: 10_000 });
  }

  async #document(caPath: string) {
    const ca = readFileSync(caPath, 'utf8');
    return { document: await signIssuerDocument(this.#identity, 'bastion', ca, systemClock) };
  }

  async #enrol(body: Buffer, token: ReturnType<typeof createJoinToken>) {
    const { proof } = JSON.parse(body.toString()) as { proof: string };
    if (this.refuseEnrolment || readEnrolmentKid(proof) !== token.kid)
      throw new Error('This token is spent.');
    const issuerThumbprint = this.#identity.thumbprint;
    this.agent = await verifyEnrolment(proof, {
      tokenKey: token.publicJwk,
      issuerThumbprint,
      clock: systemClock,
    });
    const fields = { name: this.agent.name, sshClientKey: this.key.publicLine };
    return { reply: await signEnrolmentReply(this.#identity, this.agent.id, fields, systemClock) };
  }
}

describe('an agent', () => {
  let dir: string;
  let remove: () => void;
  let bastion: SmallBastion;
  let role: RunningRole | undefined;

  beforeEach(async () => {
    ({ path: dir, remove } = createTemporaryDirectory());
    const tls = await createPrivateCa(join(dir, 'tls'), { commonName: 'test', hosts: ['127.0.0.1'] });
    bastion = new SmallBastion(await createNodeIdentity(join(dir, 'bastion'), 'bastion', 'acme'), tls);
    await bastion.listen();
  });
  afterEach(async () => {
    await role?.stop('the test is over');
    role = undefined;
    await bastion.close();
    remove();
  });

  function join_(options: Partial<JoinBastionOptions> = {}) {
    const base = { dir: join(dir, 'agent'), url: bastion.url, token: bastion.token, name: 'web-1' };
    return joinBastion({ ...base, ...options });
  }

  async function start(options: Partial<JoinBastionOptions> = {}): Promise<void> {
    const { configPath } = await join_(options);
    const config = await loadAgentConfig(configPath);
    role = await startAgent(config, { clock: systemClock, log: silentLogger(), version: '1.2.3' });
  }

  it('joins with a token, dials out, says hello and runs a command for the bastion', async () => {
    await start({ labels: { role: 'web' }, logins: [me.name] });
    expect(bastion.agent).toMatchObject({
      role: 'agent',
      name: 'web-1',
      fields: { labels: { role: 'web' } },
    });
    const hello = await waitFor(() => bastion.hellos[0]);
    expect(hello).toMatchObject({ kind: 'hello', version: '1.2.3', target: 'builtin', logins: [me.name] });
    for (const file of [
      'agent.yaml',
      'data/identity.json',
      'data/enrolment.json',
      'data/ssh_host_ed25519_key',
    ])
      expect(statSync(join(dir, 'agent', file)).mode & 0o777).toBe(0o600);
    const written = readFileSync(join(dir, 'agent', 'agent.yaml'), 'utf8');
    const uncommented = written.replace(/^logins:\n {2}- .*\n/m, '').replace(/^# (?= {0,2}\w+:)/gm, '');
    expect(agentConfigSchema.parse(parse(uncommented))).toMatchObject({
      ...{ logins: ['deploy'], forwarding: true, afterSession: 'end' },
      ...{ egress: { proxy: expect.any(String) }, metrics: { listen: { port: 9464 } } },
    });

    const connection = await bastion.ssh(me.name);
    const channel = await connection.openSession();
    const output: string[] = [];
    let exitCode: number | undefined;
    const closed = new Promise<void>((resolve) => {
      channel.attach({
        onData: (chunk) => {
          output.push(chunk.toString());
          channel.consumed(chunk.length);
        },
        onRequest: (request) => {
          if (request.kind === 'exit-status') exitCode = request.code;
          return false;
        },
        onClosed: resolve,
      });
    });
    channel.notify({ kind: 'env', name: 'DRAWBRIDGE_OPERATOR', value: Buffer.from('alice') });
    const command = Buffer.from('echo "$DRAWBRIDGE_OPERATOR on $USER"; exit 12');
    expect(await channel.request({ kind: 'exec', command })).toBe(true);
    await closed;
    expect(output.join('')).toBe(`alice on ${me.name}\n`);
    expect(exitCode).toBe(12);
    connection.end();
  });

  it('lets no other key in than the one that it pinned', async () => {
    await start();
    await expect(bastion.ssh(me.name, generateSshKey('other').privateKey)).rejects.toMatchObject({
      code: 'ssh.auth_failed',
    });
  });

  it('holds its own list of logins whatever the bastion says, and counts whom it refused', async () => {
    const { configPath } = await join_({ logins: ['deploy'] });
    writeFileSync(configPath, `${readFileSync(configPath, 'utf8')}metrics: { listen: { port: 0 } }\n`);
    const config = await loadAgentConfig(configPath);
    role = await startAgent(config, { clock: systemClock, log: silentLogger() });
    await expect(bastion.ssh(me.name)).rejects.toMatchObject({ code: 'ssh.auth_failed' });
    const stranger = generateSshKey('other').privateKey;
    await expect(bastion.ssh('deploy', stranger)).rejects.toMatchObject({ code: 'ssh.auth_failed' });
    const figures = await (await fetch(`${role.addresses['metrics']}/metrics`)).text();
    expect(figures).toContain('drawbridge_refusals_total{type="login.refused",reason="not_served"} 1\n');
    expect(figures).toContain('drawbridge_refusals_total{type="login.refused",reason="wrong_key"} 1\n');
    expect(figures).toContain('drawbridge_uplinks_connected{peer="bastion"} 1\n');
  });

  it('dials again when the tunnel is cut', async () => {
    await start();
    const first = await waitFor(() => bastion.tunnels[0]);
    first.close('test.cut', 'The test cuts the tunnel.');
    await waitFor(() => bastion.tunnels.length === 2);
    (await bastion.ssh(me.name)).end();
  });

  it('leads to the sshd of the host when told so, and says when there is none', async () => {
    const key = await createTestKey(dir, 'relay');
    const sshd = await startBuiltinHost({
      ...key,
      fingerprint: parsePublicLine(bastion.key.publicLine).fingerprint,
    });
    await start({ target: 'sshd', sshd: { host: '127.0.0.1', port: sshd.port } });
    const tunnel = await waitFor(() => bastion.tunnels[0]);
    const { stream, reply } = tunnel.open({ v: 1, kind: 'ssh' });
    await reply;
    const options = { username: me.name, privateKey: bastion.key.privateKey, verifyHostKey: () => true };
    const connection = await connectSsh(stream, { ...options, timeoutMs: 10_000 });
    connection.end();
    await sshd.close();
    const refused = tunnel.open({ v: 1, kind: 'ssh' });
    refused.stream.on('error', () => undefined);
    await expect(refused.reply).rejects.toMatchObject({ code: 'agent.sshd_unreachable' });
  });

  it('refuses streams that it does not know', async () => {
    await start();
    const tunnel = await waitFor(() => bastion.tunnels[0]);
    const { stream, reply } = tunnel.open({ v: 1, kind: 'format-disk' });
    stream.on('error', () => undefined);
    await expect(reply).rejects.toMatchObject({ code: 'stream.unknown_kind' });
  });

  it('leaves nothing behind when the bastion refuses it, and says why', async () => {
    bastion.refuseEnrolment = true;
    await expect(join_()).rejects.toMatchObject({
      code: 'enrolment.refused',
      message: 'This token is spent.',
    });
    expect(existsSync(join(dir, 'agent', 'data'))).toBe(false);
    expect(existsSync(join(dir, 'agent', 'agent.yaml'))).toBe(false);
  });

  it('joins nobody but the issuer of its token', async () => {
    const other = createJoinToken(await createNodeIdentity(join(dir, 'other'), 'bastion', 'other'));
    await expect(join_({ token: other.token })).rejects.toMatchObject({ code: 'issuer.refused' });
    await expect(join_({ token: 'nonsense' })).rejects.toMatchObject({ code: 'token.malformed' });
    await expect(join_({ url: 'http://127.0.0.1' })).rejects.toMatchObject({ code: 'usage.url' });
  });

  it('does not join twice into one folder', async () => {
    await join_();
    await expect(join_()).rejects.toMatchObject({ code: 'join.exists' });
    expect(existsSync(join(dir, 'agent', 'data', 'identity.json'))).toBe(true);
  });

  it('says what to do when it has not joined', async () => {
    const { configPath } = await join_();
    writeFileSync(join(dir, 'agent', 'data', 'enrolment.json'), '{');
    const config = await loadAgentConfig(configPath);
    await expect(startAgent(config, { clock: systemClock, log: silentLogger() })).rejects.toMatchObject({
      code: 'enrolment.unreadable',
    });
  });
});
