import { openHome } from '../../operator/home.ts';
import { parseDurationMs } from '../../shared/config/duration.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { isThere } from '../../shared/store/is-there.ts';
import { PROBE_IDLE_MAX_MS } from '../../shared/tunnel/probe.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import type { Check, Finding } from '../doctor/finding.ts';
import { configPathOf, readRolePlace } from '../role-config.ts';
import { printable } from '../terminal.ts';

interface DoctorOptions {
  readonly config?: string;
  readonly home?: string;
  readonly idle?: string;
  readonly json?: boolean;
}

/** `drawbridge doctor`. */
export const registerDoctor: RegisterVerb = (program, cli) => {
  const doctor = program
    .command('doctor')
    .description(
      'Look for what keeps this machine from working: configuration, permissions, disk, databases, certificates, and\n' +
        'the way to the other end. With --config for the role of that file, else for the operator signed in here.\n' +
        'Exit code 1 when something fails.',
    )
    .option('--config <file>', 'configuration of a proxy, bastion or agent (env DRAWBRIDGE_CONFIG)')
    .option('--home <dir>', "where the operator's login is kept (env DRAWBRIDGE_HOME; ~/.drawbridge)")
    .option(
      '--idle <time>',
      'leave a WebSocket to the other end silent for this long, to see whether it is cut: 60s, 10m',
    )
    .option('--json', 'print the findings as JSON')
    .action((options: DoctorOptions) => runDoctor(cli, options));
  examples(doctor, [
    'drawbridge doctor --config /etc/drawbridge/bastion.yaml',
    'drawbridge doctor',
    'drawbridge doctor --config /etc/drawbridge/agent.yaml --idle 90s',
    'drawbridge doctor --json',
  ]);
};

async function runDoctor(cli: Cli, options: DoctorOptions): Promise<void> {
  const { runChecks } = await import('../doctor/finding.ts');
  const { terminal } = cli;
  const findings = await runChecks(await checksFor(cli, options), cli.untilInterrupted(), (finding) => {
    if (options.json !== true) show(cli, finding);
  });
  if (options.json === true) terminal.json(findings);
  const failed = findings.filter((finding) => finding.state === 'fail').length;
  if (failed > 0) {
    throw new DrawbridgeError('doctor.failed', `${failed} of ${findings.length} checks failed.`);
  }
  const warned = findings.filter((finding) => finding.state === 'warn').length;
  terminal.note(
    `${findings.length} checks, ${warned === 0 ? 'all well' : `${warned} of them with a warning`}.`,
  );
}

async function checksFor(cli: Cli, options: DoctorOptions): Promise<readonly Check[]> {
  const configPath = configPathOf(options, cli);
  const named = options.config !== undefined || cli.env['DRAWBRIDGE_CONFIG'] !== undefined;
  const isRole = named || (options.home === undefined && (await isThere(configPath)));
  const way = options.idle === undefined ? {} : { idleMs: idleMsOf(options.idle) };
  if (!isRole) {
    const { operatorChecks } = await import('../doctor/operator-checks.ts');
    return operatorChecks(openHome(options.home, cli.env), cli.env, way);
  }
  const { roleChecks } = await import('../doctor/role-checks.ts');
  const { role } = await readRolePlace(configPath);
  return roleChecks(role, configPath, way);
}

function idleMsOf(text: string): number {
  const idleMs = parseDurationMs(text);
  if (idleMs <= PROBE_IDLE_MAX_MS) return idleMs;
  throw new DrawbridgeError('usage.duration', 'A WebSocket can be left idle for at most 15 minutes.');
}

function show({ terminal }: Cli, finding: Finding): void {
  const { styles } = terminal;
  const mark = {
    ok: styles.good('OK  '),
    warn: styles.accent('WARN'),
    fail: styles.bad('FAIL'),
  }[finding.state];
  terminal.line(`${mark}  ${finding.check.padEnd(CHECK_WIDTH)}  ${printable(finding.text)}`);
  if (finding.hint !== undefined) terminal.line(`${' '.repeat(CHECK_WIDTH + 8)}${printable(finding.hint)}`);
}

/** As wide as the longest name of a check. */
const CHECK_WIDTH = 'permissions'.length;
