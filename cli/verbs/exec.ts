import { type HostResult, runOnHosts } from '../../operator/exec.ts';
import { openHome } from '../../operator/home.ts';
import { parseHostSelector } from '../../operator/host-selector.ts';
import { listOperatorHosts } from '../../operator/hosts.ts';
import { parseDurationMs } from '../../shared/config/duration.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { type Cli, examples, type RegisterVerb, wholeNumber } from '../cli.ts';
import { formatDuration } from '../format.ts';
import { printable } from '../terminal.ts';

interface ExecVerbOptions {
  readonly hosts: string;
  readonly login?: string;
  readonly parallel: number;
  readonly timeout?: string;
  readonly json?: boolean;
  readonly home?: string;
}

const PARALLEL_DEFAULT = 10;
const PARALLEL_MOST = 100;

/** `drawbridge exec`. */
export const registerExec: RegisterVerb = (program, cli) => {
  const exec = program
    .command('exec')
    .argument('<command...>', 'the command, behind --')
    .requiredOption(
      '--hosts <choice>',
      "labels and names, all of which must hold: 'role=db,env!=test', 'web-*.acme', '*'",
    )
    .description(
      'Run one command on many hosts, each a recorded session under its customer’s policy. Every line of output has its\n' +
        'host in front. Exit code 0 when the command succeeded on every host that was chosen, else 1.',
    )
    .option('--login <user>', 'UNIX account on the hosts')
    .option('--parallel <n>', 'hosts at once', wholeNumber(1, PARALLEL_MOST), PARALLEL_DEFAULT)
    .option('--timeout <time>', 'give a host up after this long, such as 30s or 5m')
    .option('--json', 'print one result per host as JSON, when all have ended')
    .option('--home <dir>', 'where the login is kept (env DRAWBRIDGE_HOME; ~/.drawbridge)')
    .action((words: string[], options: ExecVerbOptions) => runExec(cli, words, options));
  examples(exec, [
    "drawbridge exec --hosts 'role=db' -- uptime",
    "drawbridge exec --hosts 'env=prod,web-*.acme' --login deploy --parallel 3 -- sudo systemctl reload nginx",
    "drawbridge exec --hosts '*' --json -- uname -r",
  ]);
};

async function runExec(cli: Cli, words: readonly string[], options: ExecVerbOptions): Promise<void> {
  const { terminal } = cli;
  const home = openHome(options.home, cli.env);
  const isMeant = parseHostSelector(options.hosts);
  const timeoutMs = options.timeout === undefined ? undefined : parseDurationMs(options.timeout);
  const hosts = (await listOperatorHosts(home, cli.env)).filter(isMeant);
  if (hosts.length === 0) {
    throw new DrawbridgeError('exec.no_host', `No host within your reach is chosen by ${options.hosts}.`, {
      hint: 'See the hosts and their labels with `drawbridge hosts --json`.',
    });
  }
  const width = Math.max(...hosts.map((host) => host.name.length));
  let ended = 0;
  const results = await runOnHosts({
    home,
    hosts,
    // As ssh itself does: the words with spaces between them are one line for the remote shell.
    command: words.join(' '),
    parallel: options.parallel,
    signal: cli.untilInterrupted(),
    ...(options.login === undefined ? {} : { login: options.login }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(options.json === true ? {} : { onLine: linePrinter(cli, width) }),
    onResult: (result) => {
      ended += 1;
      const mark =
        result.outcome === 'done' ? terminal.styles.good('ok') : terminal.styles.bad(outcomeText(result));
      terminal.note(
        `${String(ended).padStart(String(hosts.length).length)}/${hosts.length} ${printable(result.host)}: ${mark}, ${formatDuration(result.durationMs)}`,
      );
    },
  });
  if (options.json === true) terminal.json(results);
  const failed = results.filter((result) => result.outcome !== 'done');
  if (failed.length > 0) {
    throw new DrawbridgeError(
      'exec.failed',
      `The command did not succeed on ${failed.length} of ${results.length} hosts: ${failed.map((result) => result.host).join(', ')}.`,
    );
  }
}

function linePrinter({ terminal }: Cli, width: number) {
  return (host: string, stream: 'stdout' | 'stderr', line: string): void => {
    const prefix = terminal.styles.dim(
      `${printable(host).padEnd(width)} ${stream === 'stdout' ? '|' : '!'} `,
    );
    if (stream === 'stdout') terminal.line(prefix + printable(line));
    else terminal.note(prefix + printable(line));
  };
}

function outcomeText(result: HostResult): string {
  switch (result.outcome) {
    case 'done':
      return 'ok';
    case 'failed':
      return `exit code ${result.exitCode ?? 'unknown'}`;
    case 'unreachable':
      return 'refused or unreachable';
    case 'timed_out':
      return 'given up, it took too long';
    case 'cancelled':
      return 'cancelled';
    case 'offline':
      return 'offline, not tried';
  }
}
