import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ProgramRun, runProgram, TestDemo } from './demo.ts';
import { freePort } from './free-port.ts';
import { startRealSshd } from './real-sshd.ts';
import { createTemporaryDirectory } from './temporary-directory.ts';
import { waitFor } from './wait-for.ts';

/** What ends the session on the host, and the host's place in the demo's list. */
export const TARGETS: readonly { readonly target: string; readonly index: number }[] = [
  { target: 'builtin shell', index: 1 },
  { target: "host's sshd", index: 0 },
  // The same sshd without the agent's tunnel: only `npm run compat` tries everything there too.
  ...(process.env['DRAWBRIDGE_COMPAT'] === '1' ? [{ target: 'host without an agent', index: 2 }] : []),
];

/** Name of the host that the bastion dials itself; the demo has none. */
export const AGENTLESS = 'direct-1';

const PYTHON_CASES = fileURLToPath(new URL('../e2e/clients/python_client.py', import.meta.url));

/** A demo whose first host ends sessions in a real sshd and whose second has the builtin shell, and clients for it. */
export class ClientMatrix {
  readonly demo: TestDemo;
  /** For files of tests. */
  readonly folder: string;
  readonly #undo: (() => Promise<void> | void)[];

  private constructor(demo: TestDemo, folder: string, undo: (() => Promise<void> | void)[]) {
    this.demo = demo;
    this.folder = folder;
    this.#undo = undo;
  }

  static async start(): Promise<ClientMatrix> {
    const { path, remove } = createTemporaryDirectory();
    const undo: (() => Promise<void> | void)[] = [remove];
    try {
      const port = await freePort();
      const keys = join(path, 'authorized_keys');
      writeFileSync(keys, '');
      const stop = await startRealSshd(path, port, keys);
      undo.unshift(stop);
      const demo = await TestDemo.start(['--sshd', `127.0.0.1:${port}`]);
      undo.unshift(() => demo.stop());
      writeFileSync(keys, `${demo.document.bastion.sshClientKey}\n`);
      await addAgentlessHost(demo, port);
      const folder = join(path, 'files');
      mkdirSync(folder);
      return new ClientMatrix(demo, folder, undo);
    } catch (error) {
      for (const step of undo) await step();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const step of this.#undo) await step();
  }

  host(index: number): string {
    return this.demo.document.hosts[index] ?? `${AGENTLESS}.acme`;
  }

  get login(): string {
    return this.demo.document.login;
  }

  get identity(): string {
    return this.demo.document.identity;
  }

  /** `-q`: no banner, so that what is left on standard error is the host's. */
  get sshOptions(): readonly string[] {
    return ['-q', '-F', this.demo.document.sshConfig];
  }

  /** A shell's line that connects its input and output to the host by the jump. */
  jumpLine(host: string): string {
    return `ssh -q -F ${this.demo.document.sshConfig} -W ${host}:22 drawbridge-jump`;
  }

  ssh(args: readonly string[], input: string | Buffer = ''): Promise<ProgramRun> {
    return runProgram('ssh', [...this.sshOptions, ...args], { input });
  }

  /** Runs a line of the local shell; `$SSH` stands for ssh with the demo's configuration. */
  local(line: string, input: string | Buffer = ''): Promise<ProgramRun> {
    const env = { ...process.env, SSH: ['ssh', ...this.sshOptions].join(' ') };
    return runProgram('sh', ['-c', line], { input, env, cwd: this.folder });
  }

  /** The key in PuTTY's format. */
  putty(): readonly string[] {
    const path = this.#converted('key.ppk', (to) => {
      const made = spawnSync('puttygen', [this.identity, '-o', to, '-O', 'private'], { input: '' });
      needed('puttygen', 'putty-tools', made);
    });
    return ['-batch', '-i', path, '-hostkey', this.#fingerprint()];
  }

  /** The key in dropbear's format. */
  dropbear(): readonly string[] {
    const path = this.#converted('key.dropbear', (to) => {
      const made = spawnSync('dropbearconvert', ['openssh', 'dropbear', this.identity, to]);
      needed('dropbearconvert', 'dropbear-bin', made);
    });
    return ['-y', '-y', '-i', path];
  }

  /** Made once: a client that another test has just started may be reading it. */
  #converted(name: string, convert: (path: string) => void): string {
    const path = join(this.folder, '..', name);
    if (!existsSync(path)) convert(path);
    return path;
  }

  /** Runs a case of `python_client.py`, which prints `ok` behind everything that it has checked. */
  python(library: 'paramiko' | 'asyncssh', feature: string, host: string): Promise<ProgramRun> {
    const { login } = this;
    const args = [PYTHON_CASES, library, feature, this.jumpLine(host), host, login, this.identity];
    return runProgram('/usr/bin/python3', [...args, this.folder]);
  }

  /** Forwards a local port to the host's SSH by the jump while `use` runs, for clients that can only dial. */
  async withPort<T>(host: string, use: (port: number) => Promise<T>): Promise<T> {
    const port = await freePort();
    const args = [...this.sshOptions, '-N', '-L', `127.0.0.1:${port}:${host}:22`, 'drawbridge-jump'];
    const forward = spawn('ssh', args, { stdio: 'ignore' });
    const ended = once(forward, 'close');
    try {
      await waitFor(
        async () => {
          const socket = connect(port, '127.0.0.1');
          await once(socket, 'connect');
          socket.destroy();
          return true;
        },
        { what: 'the forwarded port' },
      );
      return await use(port);
    } finally {
      forward.kill();
      await ended;
    }
  }

  #fingerprint(): string {
    const lines = readFileSync(this.demo.document.knownHosts, 'utf8').split('\n');
    const line = lines.find((text) => text.startsWith('*.')) ?? '';
    const run = spawnSync('ssh-keygen', ['-lf', '-'], { input: line, encoding: 'utf8' });
    return /SHA256:\S+/.exec(run.stdout)?.[0] ?? '';
  }
}

/** Tells the demo's bastion of a host without an agent, whose sshd listens at `port`, while it runs. */
export async function addAgentlessHost(demo: TestDemo, port: number): Promise<void> {
  const host = `{ name: ${AGENTLESS}, address: { host: 127.0.0.1, port: ${port} } }`;
  appendFileSync(demo.document.bastion.config, `\nhosts: [${host}]\n`);
  const reloaded = await demo.customer(['bastion', 'reload']);
  if (reloaded.status !== 0) throw new Error(reloaded.stderr);
}

function needed(program: string, packageName: string, run: { error?: Error; status: number | null }): void {
  if (run.error !== undefined) throw new Error(`${program} is missing: install the package ${packageName}.`);
  if (run.status !== 0) throw new Error(`${program} could not convert the key.`);
}
