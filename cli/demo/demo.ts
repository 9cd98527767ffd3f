import { rm } from 'node:fs/promises';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import type { Cli } from '../cli.ts';
import { writeDocument } from './document.ts';
import { codeOf, type Installation, install } from './installation.ts';
import { createLayout, type DemoLayout } from './layout.ts';
import { useOnce } from './once.ts';
import type { RoleProcess } from './role-process.ts';
import { commandWords, showWelcome } from './screen.ts';

/** What `drawbridge demo` is asked for. */
export interface DemoOptions {
  readonly dir?: string;
  readonly login: string;
  readonly sshd?: { readonly host: string; readonly port: number };
  readonly once: boolean;
}

/**
 * Runs a whole installation on loopback until it is interrupted, or through one use with `once`. Whatever happens,
 * every process that it started is stopped before it returns.
 * @throws `demo.*` and what the roles' set-up throws
 */
export async function runDemo(cli: Cli, options: DemoOptions): Promise<void> {
  const interrupted = cli.untilInterrupted();
  const layout = await createLayout(options.dir);
  const processes: RoleProcess[] = [];
  try {
    const installation = await bringUp(cli, options, layout, processes, interrupted);
    if (options.once) {
      await useOnce(installation.document, cli.terminal, interrupted);
    } else {
      showWelcome(
        cli.terminal,
        installation.document,
        layout,
        commandWords(cli.entryPath, process.argv[1], process.cwd()),
      );
      await stayUp(cli, installation, interrupted);
    }
  } catch (error) {
    if (!interrupted.aborted) throw withLogs(error, layout);
    if (options.once) throw new DrawbridgeError('demo.interrupted', 'The demo was interrupted.');
  } finally {
    for (const role of [...processes].reverse()) await role.stop();
  }
  if (options.once) {
    cli.terminal.line('demo: ok');
    return;
  }
  if (layout.temporary) await rm(layout.dir, { recursive: true, force: true });
  cli.terminal.line(
    layout.temporary
      ? 'The demo has ended; nothing is left of it.'
      : `The demo has ended; its files are in ${layout.dir}`,
  );
}

async function bringUp(
  cli: Cli,
  options: DemoOptions,
  layout: DemoLayout,
  processes: RoleProcess[],
  signal: AbortSignal,
): Promise<Installation> {
  const { terminal } = cli;
  const installation = await install(
    {
      layout,
      login: options.login,
      entryPath: cli.entryPath,
      env: cli.env,
      signal,
      step: (text) => terminal.line(terminal.styles.dim(`  ${text} …`)),
      ...(options.sshd === undefined ? {} : { sshd: options.sshd }),
    },
    (role) => processes.push(role),
  );
  if (options.sshd !== undefined) {
    const { sshClientKey } = installation.document.bastion;
    terminal.line(
      '  web-1 uses your sshd. Put these lines into ~/.ssh/authorized_keys of its login; with the first',
    );
    terminal.line(
      "  alone it has to take the bastion's certificates, which name the operator in sshd's log:",
    );
    terminal.line(`  cert-authority ${sshClientKey}`);
    terminal.line(`  ${sshClientKey}`);
  }
  await writeDocument(layout.documentPath, installation.document);
  return installation;
}

/** Waits for the interruption. A role that ends meanwhile is told about: somebody may be trying just that. */
async function stayUp(cli: Cli, installation: Installation, interrupted: AbortSignal): Promise<void> {
  const { terminal } = cli;
  for (const role of installation.processes) {
    void role.exited.then((how) => {
      if (!interrupted.aborted) terminal.note(`drawbridge: the ${role.label} has ended (${how})`);
    });
  }
  const showCode = (): void =>
    terminal.line(`    code ${terminal.styles.bold(codeOf(installation.document.bastion.admin.totpSecret))}`);
  const keys = process.stdin.isTTY === true ? process.stdin : undefined;
  keys?.on('data', showCode);
  const alive = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    if (interrupted.aborted) resolve();
    else interrupted.addEventListener('abort', () => resolve(), { once: true });
  });
  clearInterval(alive);
  keys?.off('data', showCode);
  keys?.pause();
  terminal.line();
  terminal.line(terminal.styles.dim('  Stopping …'));
}

function withLogs(error: unknown, layout: DemoLayout): unknown {
  if (!isDrawbridgeError(error) || error.hint !== undefined) return error;
  return new DrawbridgeError(error.code, error.message, {
    hint: `The logs are in ${layout.logsDir}`,
    cause: error,
  });
}
