import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generateSync } from 'otplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtCommand } from '../../bench/demo-process.ts';
import { isInstalled } from '../../cli/service/install.ts';
import {
  type ProgramRun,
  processesNaming,
  type RoleByHand,
  runProgram,
  startRoleByHand,
} from '../support/demo.ts';
import { freePort } from '../support/free-port.ts';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

// What a stranger does: the lines of docs/quick-start.md, then those of docs/install.md that are left, word for word but
// for PLACEHOLDERS, each in a shell on the machine that it is meant for. The four machines are folders here.

type Machine = 'vendor' | 'customer' | 'host' | 'operator';
type Role = 'proxy' | 'bastion' | 'agent';

const page = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), 'utf8');
const quickStart = page('quick-start.md');
const install = page('install.md');

/** The account in which sessions end: there is no other in a test. */
const ACCOUNT = userInfo().username;

/** What install.md names and a test must not do to the machine that it runs on. */
const NOT_RUN = [/^drawbridge bastion (un)?install\b/];

const fenced = (markdown: string, language = '') =>
  [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, named]) => named === language)
    .map(([, , text = '']) => text);

const commandsOf = (markdown: string) =>
  fenced(markdown)
    .flatMap((text) => text.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, ''))
    .filter((line) => line.startsWith('drawbridge '));

const machineOf = (line: string): Machine => {
  const [, verb = ''] = line.split(' ');
  if (verb === 'proxy') return 'vendor';
  if (verb === 'agent') return 'host';
  return /^drawbridge (login|hosts|ssh|doctor$)/.test(line) ? 'operator' : 'customer';
};

let root: string;
let remove: () => void;
let ports: Record<'proxy' | 'proxySsh' | 'bastion', number>;
const roles = new Map<Role, RoleByHand>();
/** What the commands have shown and somebody writes down for later. */
const noted = { token: '', password: '', secret: '' };

const folderOf = (machine: Machine) => join(root, machine);

/** Everything that is put in the place of what stands in the documents. */
function placeholders(line: string): readonly (readonly [string | RegExp, string])[] {
  const loopback = `--host 127.0.0.1 --https-port`;
  return [
    ['https://proxy.example.com', `https://127.0.0.1:${ports.proxy}`],
    ['proxy.example.com', '127.0.0.1'],
    ['https://bastion.acme.example', `https://127.0.0.1:${ports.bastion}`],
    ['bastion.acme.example', '127.0.0.1'],
    ['/etc/drawbridge', folderOf(machineOf(line))],
    ['--ca ca.pem', `--ca ${join(folderOf('vendor'), 'data/tls/ca.pem')}`],
    ['TOKEN', noted.token],
    ['alice@', `${ACCOUNT}@`],
    // No systemd: as install.md says, the role is started by hand. No port that only root may listen on, and no /etc.
    [/(proxy init .*) --install$/, `$1 ${loopback} ${ports.proxy} --ssh-port ${ports.proxySsh}`],
    [/(bastion init .*) --install$/, `$1 ${loopback} ${ports.bastion}`],
    [/(agent join .*) --install$/, `$1 --dir ${folderOf('host')}`],
  ];
}

function run(line: string, machine = machineOf(line)): Promise<ProgramRun> {
  const literal = placeholders(line).reduce((text, [from, to]) => text.replace(from, to), line);
  const home = folderOf(machine);
  return runProgram('sh', ['-c', literal], {
    cwd: home,
    env: {
      PATH: `${join(root, 'bin')}:${process.env['PATH']}`,
      HOME: home,
      ...(machine === 'customer' ? { DRAWBRIDGE_CONFIG: join(home, 'bastion.yaml') } : {}),
      DRAWBRIDGE_USERNAME: 'alice',
      DRAWBRIDGE_PASSWORD: noted.password,
      DRAWBRIDGE_CODE: noted.secret === '' ? '' : generateSync({ secret: noted.secret }),
    },
  });
}

/** Runs a line that has to work. */
async function follow(line: string, machine = machineOf(line)): Promise<string> {
  const { status, stdout, stderr } = await run(line, machine);
  expect(status, `${line}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

/** What `--install` leaves to systemd, by the line that install.md has for machines without it. */
async function start(role: Role): Promise<void> {
  expect(commandsOf(install)).toContain('drawbridge bastion start --config /etc/drawbridge/bastion.yaml');
  await roles.get(role)?.stop();
  const machine = ({ proxy: 'vendor', bastion: 'customer', agent: 'host' } as const)[role];
  const started = await startRoleByHand(role, join(folderOf(machine), `${role}.yaml`));
  expect(started.output()).toContain(`drawbridge ${role}: ready`);
  roles.set(role, started);
}

/** The token in the line to paste that was shown. */
const tokenFor = (verb: string, shown: string) =>
  new RegExp(`^drawbridge ${verb} https://\\S+ (\\S+)`, 'm').exec(shown)?.[1] ?? '';

const factIn = (shown: string, name: string) => new RegExp(`^${name} +(.+)$`, 'm').exec(shown)?.[1] ?? '';

beforeAll(async () => {
  ({ path: root, remove } = createTemporaryDirectory());
  const [proxy, proxySsh, bastion] = await Promise.all([freePort(), freePort(), freePort()]);
  ports = { proxy, proxySsh, bastion };
  for (const machine of ['vendor', 'customer', 'host', 'operator', 'bin'])
    mkdirSync(join(root, machine), { mode: 0o700 });
  const command = join(root, 'bin/drawbridge');
  writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${builtCommand()}' "$@"\n`);
  chmodSync(command, 0o755);
});

afterAll(async () => {
  await Promise.all([...roles.values()].map((role) => role.stop()));
  const left = processesNaming(root);
  remove();
  expect(left).toEqual([]);
});

/** What has to happen with some lines besides running them; the others only have to work. */
const BESIDES: readonly (readonly [start: string, follow: (line: string) => Promise<void>])[] = [
  ['drawbridge proxy init', (line) => follow(line).then(() => start('proxy'))],
  [
    'drawbridge proxy user add',
    async (line) => {
      const shown = await follow(line);
      noted.password = factIn(shown, 'Password');
      noted.secret = factIn(shown, 'Secret');
    },
  ],
  [
    'drawbridge proxy bastion token',
    async (line) => {
      noted.token = tokenFor('bastion join', await follow(line));
    },
  ],
  ['drawbridge bastion join', (line) => follow(line).then(() => start('bastion'))],
  [
    'drawbridge agent join',
    async (line) => {
      const [, createToken = ''] = /`(drawbridge token create [^`]+)`/.exec(quickStart) ?? [];
      noted.token = tokenFor('agent join', await follow(createToken));
      await follow(line);
      await start('agent');
    },
  ],
  [
    'drawbridge hosts',
    async (line) => {
      const isOnline = async () => /web-1\.acme .*online/.test(await follow(line));
      await waitFor(isOnline, { what: 'the host to be online', timeoutMs: 30_000, periodMs: 200 });
    },
  ],
  [
    'drawbridge ssh',
    async (line) => {
      const sessions = await Promise.all([run(`${line} id -un`), plainSsh()]);
      for (const session of sessions) expect(session).toMatchObject({ status: 0, stdout: `${ACCOUNT}\n` });
    },
  ],
];

// `bastion join` renews the service of a machine that has one: not in a test.
describe.skipIf(await isInstalled('bastion'))(
  'the documents, followed word for word',
  { timeout: 120_000 },
  () => {
    it('lead from nothing to a session, and to none any more', async () => {
      const lines = commandsOf(quickStart);
      const [policy = ''] = fenced(quickStart, 'yaml');
      writeFileSync(join(folderOf('customer'), 'policy.yaml'), policy.replace('deploy', ACCOUNT));
      const done = new Set<string>();
      for (const line of lines) {
        const [begins = '', besides = follow] = BESIDES.find(([words]) => line.startsWith(words)) ?? [];
        await besides(line);
        done.add(begins);
      }
      for (const [begins] of BESIDES) expect([...done]).toContain(begins);
      expect(lines.at(-1)).toMatch(/^drawbridge access off/);
    });

    it('name nothing else that does not work', async () => {
      const followed = new Set(commandsOf(quickStart));
      const left = commandsOf(install).filter(
        (line) =>
          !followed.has(line) && !NOT_RUN.some((kind) => kind.test(line)) && !line.includes(' start '),
      );
      const runs = await Promise.all(left.map(async (line) => ({ line, ...(await run(line)) })));
      expect(runs.filter(({ status }) => status !== 0)).toEqual([]);
      expect(left).toContain('drawbridge --version');
    });
  },
);

/** `ssh` without our command, as quick-start.md says. */
function plainSsh(): Promise<ProgramRun> {
  const [, line = '', include = ''] =
    /Plain `(ssh [^`]+)` does it too, once `([^`]+)`/.exec(quickStart) ?? [];
  const config = join(folderOf('operator'), 'config');
  // ssh asks the system where its user lives, and not HOME.
  writeFileSync(config, `${include.replace('~', folderOf('operator'))}\n`);
  return run(`${line.replace('ssh', `ssh -F ${config}`)} id -un`, 'operator');
}
