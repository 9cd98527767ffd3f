import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { generateSync } from 'otplib';
import { z } from 'zod';
import { joinBastion } from '../../agent/setup/join.ts';
import { loadBastionConfig } from '../../bastion/config.ts';
import { initBastion } from '../../bastion/setup/init.ts';
import { joinProxy } from '../../bastion/setup/join.ts';
import { openHome } from '../../operator/home.ts';
import { signIn } from '../../operator/sign-in.ts';
import { initProxy } from '../../proxy/setup/init.ts';
import type { Json } from '../../shared/audit/event.ts';
import { ControlClient } from '../../shared/control/client.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { loadSshKeyFile } from '../../shared/ssh/keys.ts';
import { accessStatus, createdToken, hostSummary, readAnswer } from '../control.ts';
import { type RolePlace, readRolePlace } from '../role-config.ts';
import type { DemoDocument } from './document.ts';
import { type DemoLayout, findFreePorts, LOOPBACK } from './layout.ts';
import { RoleProcess } from './role-process.ts';

/** What a demo is asked to be. */
export interface InstallationOptions {
  readonly layout: DemoLayout;
  /** UNIX account that the agents serve. */
  readonly login: string;
  /** Address of an sshd that `web-1` uses instead of its own shell. */
  readonly sshd?: { readonly host: string; readonly port: number };
  readonly entryPath: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Told before each step. */
  readonly step: (text: string) => void;
}

/** A demo that is up. */
export interface Installation {
  readonly document: DemoDocument;
  /** In the order in which they started. */
  readonly processes: readonly RoleProcess[];
}

const BASTION = 'acme';
const HOSTS = ['web-1', 'db-1'] as const;
const OPERATOR = 'alice';
const OPERATOR_GROUP = 'support';
const ADMIN = 'carol';
const HOSTS_LIMIT_MS = 20_000;
const POLL_MS = 50;

const addedUser = z.looseObject({ password: z.string(), totpSecret: z.string() });

/**
 * Installs and starts proxy, bastion and agents as an administrator would, turns access on and signs an operator in.
 * Processes are given to `started` as they start, so that whoever asked can end them when a later step fails.
 */
export async function install(
  options: InstallationOptions,
  started: (role: RoleProcess) => void,
): Promise<Installation> {
  const { layout, signal, step } = options;
  const processes: RoleProcess[] = [];
  const run = async (
    label: string,
    role: 'proxy' | 'bastion' | 'agent',
    config: string,
  ): Promise<RoleProcess> => {
    const process = await RoleProcess.start({
      label,
      readyWords: `drawbridge ${role}: ready`,
      entryPath: options.entryPath,
      args: [role, 'start', '--config', config],
      logPath: join(layout.logsDir, `${label.replace(' ', '-')}.log`),
      signal,
    });
    processes.push(process);
    started(process);
    return process;
  };
  const ports = await findFreePorts();

  step("Starting the vendor's proxy");
  const proxy = await initProxy({
    dir: layout.proxyDir,
    name: 'central',
    host: LOOPBACK,
    httpsPort: ports.proxyHttps,
    sshPort: ports.proxySsh,
    publicHost: LOOPBACK,
  });
  const proxyPlace = await readRolePlace(proxy.configPath);
  const proxyProcess = await run('proxy', 'proxy', proxy.configPath);
  const operator = await call(
    proxyPlace,
    'user.add',
    { username: OPERATOR, groups: [OPERATOR_GROUP] },
    addedUser,
  );
  const invitation = await call(
    proxyPlace,
    'bastion.token',
    { name: BASTION },
    z.looseObject({ token: z.string() }),
  );

  step("Starting the customer's bastion");
  const bastion = await initBastion({
    dir: layout.bastionDir,
    name: BASTION,
    host: LOOPBACK,
    httpsPort: ports.bastionHttps,
    publicHost: LOOPBACK,
    admin: { username: ADMIN },
  });
  const bastionConfig = await loadBastionConfig(bastion.configPath);
  await writeFile(bastionConfig.policy, demoPolicy(options.login), { mode: 0o600 });
  await joinProxy({ config: bastionConfig, url: proxy.publicUrl, token: invitation.token });
  const bastionPlace = await readRolePlace(bastion.configPath);
  const bastionProcess = await run('bastion', 'bastion', bastion.configPath);

  const agents: { host: string; pid: number; config: string }[] = [];
  for (const host of HOSTS) {
    step(`Starting the agent on ${host}`);
    const labels = { role: host.split('-')[0] ?? host };
    const token = await call(bastionPlace, 'token.create', { name: host, labels }, createdToken);
    const sshd = host === 'web-1' ? options.sshd : undefined;
    const { configPath } = await joinBastion({
      dir: layout.agentDir(host),
      url: bastion.publicUrl,
      token: token.token,
      name: host,
      labels,
      logins: [options.login],
      ...(sshd === undefined ? {} : { target: 'sshd' as const, sshd }),
    });
    const process = await run(`agent ${host}`, 'agent', configPath);
    agents.push({ host, pid: process.pid, config: configPath });
  }

  step('Turning remote access on');
  await call(bastionPlace, 'access.set', { state: 'on', reason: 'demo' }, accessStatus);
  await hostsOnline(bastionPlace, signal);

  step(`Signing ${OPERATOR} in with password and one-time code`);
  const home = openHome(layout.operatorDir, options.env);
  const login = await signIn({
    proxyUrl: proxy.publicUrl,
    username: OPERATOR,
    password: operator.password,
    code: codeOf(operator.totpSecret),
    ca: await readFile(proxy.ca, 'utf8'),
    home,
    env: options.env,
    command: [process.execPath, options.entryPath],
    user: options.login,
  });
  await writeFile(layout.sshConfigPath, await readFile(home.sshConfigPath), { mode: 0o600 });
  const clientKey = await loadSshKeyFile(join(bastionPlace.dataDir, 'ssh_client_ed25519_key'));

  return {
    processes,
    document: {
      login: options.login,
      hosts: HOSTS.map((host) => `${host}.${BASTION}`),
      identity: home.keyPath,
      knownHosts: home.knownHostsPath,
      sshConfig: layout.sshConfigPath,
      jump: { host: login.proxy.ssh.host, port: login.proxy.ssh.port, user: OPERATOR },
      proxy: {
        url: proxy.publicUrl,
        ca: proxy.ca,
        pid: proxyProcess.pid,
        config: proxy.configPath,
        dataDir: proxyPlace.dataDir,
      },
      bastion: {
        url: bastion.publicUrl,
        ca: bastion.ca,
        pid: bastionProcess.pid,
        config: bastion.configPath,
        dataDir: bastionPlace.dataDir,
        socket: bastionPlace.socketPath,
        admin: {
          username: bastion.admin.username,
          password: bastion.admin.password,
          totpSecret: bastion.admin.totpSecret,
        },
        sshClientKey: clientKey.publicLine,
      },
      agents,
      operator: { username: OPERATOR, password: operator.password, totpSecret: operator.totpSecret },
    },
  };
}

/** The code that an authenticator with this secret shows now. */
export function codeOf(totpSecret: string): string {
  return generateSync({ secret: totpSecret });
}

function demoPolicy(login: string): string {
  return [
    '# The demo: who is in the group may do everything on all hosts, as one account.',
    'version: 1',
    'roles:',
    '  - name: support',
    `    groups: [${OPERATOR_GROUP}]`,
    '    require: { mfa: true }',
    "    hosts: { names: ['*'] }",
    `    logins: [${JSON.stringify(login)}]`,
    '    allow: [shell, exec, sftp]',
    "    forward: ['*:*']",
    '',
  ].join('\n');
}

async function call<T>(place: RolePlace, method: string, params: Json, answer: z.ZodType<T>): Promise<T> {
  const client = await ControlClient.connect(place.socketPath);
  try {
    return readAnswer(await client.call(method, params), method, answer);
  } finally {
    client.close();
  }
}

async function hostsOnline(place: RolePlace, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + HOSTS_LIMIT_MS;
  for (;;) {
    signal.throwIfAborted();
    const hosts = await call(place, 'hosts.list', {}, z.array(hostSummary));
    const status = await call(place, 'status', {}, uplinkStates);
    const up = status.uplinks.some(({ state }) => state === 'connected');
    if (up && HOSTS.every((name) => hosts.some((host) => host.name === name && host.online))) return;
    if (Date.now() > deadline) {
      throw new DrawbridgeError('demo.not_connected', 'Bastion and agents did not connect in 20 s.', {
        hint: 'The logs of the demo say why.',
      });
    }
    await delay(POLL_MS);
  }
}

const uplinkStates = z.looseObject({ uplinks: z.array(z.looseObject({ state: z.string() })) });
