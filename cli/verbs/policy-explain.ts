import type { Command } from 'commander';
import type { z } from 'zod';
import type { Json } from '../../shared/audit/event.ts';
import { systemClock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { type Cli, label, nameList } from '../cli.ts';
import { callRole, policyAnswer } from '../control.ts';
import { formatTime } from '../format.ts';
import { limitLines } from '../policy-limits.ts';
import type { PlaceOptions } from '../role-config.ts';
import { printable } from '../terminal.ts';

/** A question to the policy on the command line. */
export interface QuestionOptions extends PlaceOptions {
  readonly as?: string;
  readonly groups?: readonly string[];
  readonly host?: string;
  readonly login?: string;
  readonly action?: string;
  readonly at?: string;
  readonly source?: string;
  readonly amr?: readonly string[];
  readonly label?: Readonly<Record<string, string>>;
  readonly json?: boolean;
}

type Answer = z.infer<typeof policyAnswer>;

/** Adds the options of a question. */
export function withQuestion(command: Command): Command {
  return command
    .option('--as <operator>', 'explain what this operator may do')
    .option('--groups <names>', 'groups that the vendor states for the operator', nameList)
    .option('--host <name>', 'the host')
    .option('--login <account>', 'the UNIX account on the host')
    .option('--action <what>', 'shell, exec, sftp, login, reach or forward:HOST:PORT (default: shell)')
    .option('--at <time>', 'at this time instead of now, like 2026-03-29T02:30:00+01:00')
    .option('--source <address>', 'address that the operator comes from')
    .option('--amr <methods>', 'how the operator signed in, like pwd,otp (default: mfa)', nameList)
    .option('--label <name=value>', "the host's labels, instead of those that it has", label)
    .option('--json', 'print the answer as JSON');
}

/** True when the options ask something. */
export function isQuestion(options: QuestionOptions): boolean {
  return options.as !== undefined || options.host !== undefined || options.login !== undefined;
}

/**
 * Asks the policy in force, or the one in `file`, and prints what every role says. Sets the exit code to 1 when the
 * answer is no.
 */
export async function explainPolicy(
  cli: Cli,
  options: QuestionOptions,
  file: { readonly name: string; readonly text: string } | undefined,
): Promise<void> {
  const question = questionOf(options);
  const answer =
    file === undefined
      ? await callRole(cli, options, 'policy.explain', { question }, policyAnswer)
      : await askLocally(file, question);
  if (options.json === true) cli.terminal.json(answer);
  else print(cli, answer);
  if (answer.allow) return;
  throw new DrawbridgeError('policy.denied', `Denied: ${answer.reason ?? 'no role allows it'}.`);
}

function questionOf(options: QuestionOptions): Record<string, Json> & { operator: string; host: string } {
  const { as, host, login, groups, action, at, source, amr, label: labels } = options;
  if (as === undefined || host === undefined) {
    throw new DrawbridgeError('usage.question', 'Say who and where: --as OPERATOR --host NAME.');
  }
  if (login === undefined && action !== 'reach') {
    throw new DrawbridgeError('usage.question', 'Say as which account: --login ACCOUNT.');
  }
  return {
    operator: as,
    host,
    groups: groups ?? [],
    action: action ?? 'shell',
    ...(login === undefined ? {} : { login }),
    ...(at === undefined ? {} : { at: isoTimeOf(at) }),
    ...(source === undefined ? {} : { source }),
    ...(amr === undefined ? {} : { amr }),
    ...(labels === undefined ? {} : { labels }),
  };
}

function isoTimeOf(text: string): string {
  const timeMs = Date.parse(text);
  if (!Number.isNaN(timeMs)) return new Date(timeMs).toISOString();
  throw new DrawbridgeError('usage.time', 'This is not a time.', {
    hint: 'Write it like 2026-03-29T02:30:00+01:00.',
  });
}

async function askLocally(
  file: { readonly name: string; readonly text: string },
  question: { readonly operator: string; readonly host: string },
): Promise<Answer> {
  const [{ parsePolicy }, { requestFor }, { explain }] = await Promise.all([
    import('../../bastion/policy/schema.ts'),
    import('../../bastion/policy/policy-question.ts'),
    import('../../bastion/policy/explain.ts'),
  ]);
  const policy = parsePolicy(file.text, file.name);
  const request = requestFor(question, { labels: {}, nowMs: systemClock.nowMs() });
  return policyAnswer.parse(explain(policy, request));
}

function print(cli: Cli, answer: Answer): void {
  const { terminal } = cli;
  const { styles } = terminal;
  for (const { role, allows, why } of answer.roles) {
    const verdict = allows ? styles.good('allows') : styles.bad('no');
    terminal.line(`${printable(role)}: ${verdict}: ${printable(why)}.`);
  }
  if (answer.roles.length === 0) terminal.line('The policy has no role.');
  const until = answer.until === undefined ? '' : ` This may change at ${formatTime(answer.until)}.`;
  if (answer.allow) {
    terminal.line(`${styles.good('Allowed')} by the role ${printable(answer.rule ?? '')}.${until}`);
    for (const line of limitLines(answer.limits ?? {})) terminal.line(`  ${line}`);
    if (answer.keepsStdin === true) terminal.line('  The standard input of commands is kept.');
  } else if (until !== '') terminal.line(until.trim());
  if (answer.access === 'off')
    terminal.line('Remote access is off: nobody gets in now, whatever the policy says.');
}
