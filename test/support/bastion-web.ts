import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { AdminAccounts, type NewAdminCredentials } from '../../bastion/admins/admin-accounts.ts';
import type { AdminRole } from '../../bastion/admins/role.ts';
import { PolicyAdministration } from '../../bastion/policy/policy-administration.ts';
import { PolicyStore } from '../../bastion/policy/policy-store.ts';
import { BASTION_MIGRATIONS } from '../../bastion/store/migrations.ts';
import type { Settings } from '../../bastion/web/api.ts';
import { createWebServer, type WebServerDeps } from '../../bastion/web/server.ts';
import { systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { Database } from '../../shared/store/database.ts';
import { FakeBastionService } from './fake-bastion-service.ts';
import { FakeDesk } from './fake-desk.ts';
import { createTemporaryDirectory } from './temporary-directory.ts';
import { createTestCertificate } from './test-certificate.ts';
import { totpCode } from './totp.ts';

/** Where the page is built to. */
export const BUILT_PAGE_DIR = fileURLToPath(new URL('../../dist/page', import.meta.url));

/** An answer of the bastion's web server. */
export interface WebAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The text as JSON; undefined when it is none. */
  readonly json: unknown;
}

export interface WebRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a string is sent as it is. */
  readonly body?: unknown;
}

/** A bastion's web server over real HTTPS: real accounts on SQLite, and behind it a {@link FakeBastionService}. */
export interface BastionWeb {
  readonly url: string;
  readonly ca: string;
  readonly service: FakeBastionService;
  readonly admins: AdminAccounts;
  readonly desk: FakeDesk;
  fetch(path: string, options?: WebRequest): Promise<WebAnswer>;
  addAdmin(username: string, role: AdminRole): Promise<NewAdminCredentials>;
  /** Makes an administrator of this role and signs them in; gives headers that carry the cookie. */
  signIn(role: AdminRole): Promise<Record<string, string>>;
  /** Takes the web server away from its port, as a restart of the bastion does; the state stays. */
  goDown(): Promise<void>;
  /** Brings it back on the same port. */
  comeBack(): Promise<void>;
  close(): Promise<void>;
}

const POLICY = `version: 1
roles:
  - name: ops
    groups: [ops]
    hosts: { names: ['*'] }
    logins: [deploy]
    allow: [shell]
`;

const TEST_SETTINGS: Settings = {
  publicUrl: 'https://bastion.acme.example',
  dataDir: '/var/lib/drawbridge/data',
  keys: {
    bastion: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    sshHostKey: 'SHA256:uNiVztksCsDhcc0u9e8BrWxzlyqlnXJgA0rcZC6f6f0',
    sshClientKey: 'SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8',
    certificate: Array.from({ length: 32 }, (_, n) => (n * 7 + 16).toString(16).padStart(2, '0'))
      .join(':')
      .toUpperCase(),
  },
  proxy: {
    name: 'vendor',
    id: 'p-qvAXeAnU9qPTwzbfNDb4xA',
    address: 'https://proxy.vendor.example',
    key: 'cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s',
  },
  trust: { mode: 'idp', providers: [{ issuer: 'https://login.vendor.example', clientId: 'drawbridge' }] },
  directory: {
    title: 'Acme Directory',
    name: 'corp',
    issuer: 'https://login.acme.example/realms/staff',
    clientId: 'drawbridge-acme',
    callback: 'https://bastion.acme.example/api/login/provider/callback',
    roles: { viewer: ['auditors'], approver: ['operations', 'on-call'], admin: ['it-admins'] },
    requireAmr: ['mfa'],
    signInForMs: 8 * 3_600_000,
    lastSignIn: { at: '2026-01-05T08:00:00.000Z', username: 'corp/carol' },
    lastFailure: { at: '2026-01-05T07:58:00.000Z', reason: 'provider_no_role' },
  },
  recordings: {
    directory: '/var/lib/drawbridge/data/recordings',
    keepForMs: 90 * 86_400_000,
    compressAfterMs: 86_400_000,
  },
  shipping: [{ name: 'siem', kind: 'syslog', to: 'siem.acme.example:6514' }],
  keepTunnelWhenOff: false,
};

/** Starts a {@link BastionWeb}, on any free port if none is named. */
export async function startBastionWeb(overrides: Partial<WebServerDeps> = {}, port = 0): Promise<BastionWeb> {
  const { path: dir, remove } = createTemporaryDirectory();
  const service = new FakeBastionService(dir);
  const database = await Database.open(join(dir, 'bastion.db'), {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'NORMAL',
  });
  let url = '';
  const admins = new AdminAccounts({
    database,
    audit: service,
    clock: systemClock,
    bastionName: 'acme',
    // By name, since WebAuthn takes no IP address.
    publicUrl: () => url.replace('127.0.0.1', 'localhost'),
  });
  const { ca, cert, key } = await createTestCertificate();
  const policyPath = join(dir, 'policy.yaml');
  writeFileSync(policyPath, POLICY);
  const store = await PolicyStore.open({ path: policyPath, database, audit: service, clock: systemClock });
  const policies = new PolicyAdministration({
    store,
    inForce: store,
    labelsOf: () => ({}),
    access: () => 'on',
    clock: systemClock,
  });
  const desk = new FakeDesk(service);
  const deps: WebServerDeps = {
    service,
    policies,
    admins,
    desk,
    acceptor: {
      handleUpgrade: (_request, socket) => void socket.end('HTTP/1.1 426 Upgrade Required\r\n\r\n'),
    },
    enrol: async (body) => ({ status: 200, body: { echo: JSON.stringify(body) } }),
    wellKnown: async () => ({ document: 'signed' }),
    tls: { cert, key },
    settings: () => TEST_SETTINGS,
    pageDir: BUILT_PAGE_DIR,
    clock: systemClock,
    log: silentLogger(),
    audit: service,
    ...overrides,
  };
  let server = await createWebServer(deps);
  url = await server.listen('127.0.0.1', port);
  const fetch = (path: string, options: WebRequest = {}) => fetchWith(url, ca, path, options);
  let signedIn = 0;
  return {
    url,
    ca,
    service,
    admins,
    desk,
    fetch,
    addAdmin: (username, role) => admins.create({ username, role }),
    async signIn(role) {
      signedIn += 1;
      const username = `${role}-${signedIn}`;
      const { password, totpSecret } = await admins.create({ username, role });
      const body = { username, password, code: totpCode(totpSecret, Date.now()) };
      const answer = await fetch('/api/login', { method: 'POST', body });
      const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0];
      if (cookie === undefined) throw new Error(`could not sign in: ${answer.text}`);
      return { cookie };
    },
    goDown: () => server.close(),
    async comeBack() {
      server = await createWebServer(deps);
      await server.listen('127.0.0.1', Number(new URL(url).port));
    },
    async close() {
      await server.close();
      await database.close();
      remove();
    },
  };
}

async function fetchWith(base: string, ca: string, path: string, options: WebRequest): Promise<WebAnswer> {
  const body = typeof options.body === 'string' ? options.body : JSON.stringify(options.body);
  const sent = request(new URL(path, base), {
    method: options.method ?? 'GET',
    ca,
    agent: false,
    headers: {
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
      ...options.headers,
    },
  });
  sent.end(body);
  const [response] = await once(sent, 'response');
  const received = await text(response);
  let json: unknown;
  try {
    json = JSON.parse(received);
  } catch {
    json = undefined;
  }
  return { status: response.statusCode, headers: response.headers, text: received, json };
}
