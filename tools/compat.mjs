// Runs the client matrix, its heavy part too, and writes docs/compatibility.md from what passed and what did not.
// Arguments go to vitest: `npm run compat -- -t sftp` tries a part, and the page then holds no more.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'drawbridge-compat-'));
const report = join(folder, 'report.json');
// What is tried is whether it works, also on a machine that is busy: DRAWBRIDGE_PATIENCE=20 for one that is very busy.
const patience = Number(process.env.DRAWBRIDGE_PATIENCE ?? 5);

const run = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    'test/e2e/clients',
    `--testTimeout=${60_000 * patience}`,
    `--hookTimeout=${120_000 * patience}`,
    '--retry=1',
    '--fileParallelism=false',
    ...process.argv.slice(2),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, DRAWBRIDGE_COMPAT: '1', DRAWBRIDGE_PATIENCE: String(patience) },
  },
);
const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
rmSync(folder, { recursive: true });

const TARGET = /,? ?to the '?(builtin shell|host\\?'s sshd|host without an agent)'?/;
const COLUMNS = ['builtin shell', "host's sshd", 'host without an agent'];

/** client → feature → target → status */
const clients = new Map();
for (const { ancestorTitles, title, status } of testResults.flatMap((file) => file.assertionResults)) {
  const whole = [...ancestorTitles, title].join(' › ');
  const target = TARGET.exec(whole)?.[1]?.replace('\\', '');
  if (target === undefined) throw new Error(`the test "${whole}" names no target`);
  const group = ancestorTitles[0].replace(TARGET, '').replaceAll("'", '').trim();
  const plain = title.replace(TARGET, '').trim();
  const [client, feature] =
    group === 'files'
      ? [plain.slice(0, plain.indexOf(':')), plain.slice(plain.indexOf(':') + 2)]
      : [group === 'many and much' ? 'OpenSSH' : group, plain];
  const features = clients.get(client) ?? new Map();
  clients.set(client, features.set(feature, { ...features.get(feature), [target]: status }));
}

const WORDS = { passed: 'yes', failed: '**no**' };
const rows = [...clients].flatMap(([client, features]) => {
  // What was tried with neither is no case of this client.
  const tried = [...features].filter(([, by]) => Object.values(by).some((status) => status in WORDS));
  return tried.map(([feature, by]) => {
    const cells = COLUMNS.map((target) => WORDS[by[target]] ?? 'not tried');
    return `| ${[client, feature, ...cells].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
});

const VERSIONS = [
  ['ssh', '-V'],
  ['plink', '-V'],
  ['dbclient', '-V'],
  ['/usr/bin/python3', '-Wignore', '-c', 'import paramiko; print("paramiko", paramiko.__version__)'],
  ['/usr/bin/python3', '-Wignore', '-c', 'import asyncssh; print("AsyncSSH", asyncssh.__version__)'],
  ['lftp', '--version'],
  ['curl', '--version'],
  ['rsync', '--version'],
  ['git', '--version'],
  ['sshfs', '--version'],
  ['ansible', '--version'],
];
const versions = VERSIONS.map(([program, ...args]) => {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return `${stdout ?? ''}${stderr ?? ''}`
    .split('\n')
    .find((line) => line.trim() !== '')
    ?.trim();
}).filter((line) => line !== undefined);

const text = `# Compatibility

Written by \`npm run compat\` on ${new Date().toISOString().slice(0, 10)}, from a run and not from belief: every line is a
test in \`test/e2e/clients\`, run against a demo by the proxy's jump, with the agent's builtin shell, with the host's own
sshd behind an agent, and with an sshd that the bastion dials itself.

| client | feature | ${COLUMNS.join(' | ')} |
|---|---|---|---|---|
${rows.join('\n')}

## Versions

${versions.map((line) => `- ${line}`).join('\n')}

## Known limits

- curl built with libssh2 before 1.11 has no MAC of those that the servers offer. To such a client alone, told by its
  version line, they offer \`hmac-sha2-256\` too.
- There is no compression: \`-C\` is answered with none, and everything works.
- \`-R\` and agent forwarding need the policy (\`remote_forward\`, \`agent_forwarding\`); X11 is always refused. What is refused
  is refused at once, and the session goes on without it. The configuration of \`drawbridge login\` names the login's key alone
  (\`IdentityAgent none\`): to forward an agent, add \`-o IdentityAgent=$SSH_AUTH_SOCK\`.
- With the builtin shell, what a connection left running (\`nohup\`, \`setsid\`, tmux) ends with that connection, unless the host's
  \`agent.yaml\` says \`afterSession: keep\`; with an sshd it is sshd's to say. [Why](decisions/0016-what-a-session-leaves-behind.md)
- With the builtin shell, \`-R localhost:…\` listens on 127.0.0.1.
- A command may be 128 KiB long, which is Linux's limit for one word and therefore an sshd's, too; longer scripts go to
  standard input (\`ssh HOST sh -s <FILE\`).
- An sshd does not pass signals of the client on to what runs as root; the builtin shell does.
- The key exchange \`mlkem768x25519-sha256\` is offered first by the proxy and by the bastion; clients without it use
  \`curve25519-sha256\`.
`;
writeFileSync(join(root, 'docs', 'compatibility.md'), text);
process.exit(run.status ?? 1);
