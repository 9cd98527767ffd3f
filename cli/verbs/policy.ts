import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { type Cli, examples, type RegisterVerb, wholeNumber } from '../cli.ts';
import { callRole, policySummary } from '../control.ts';
import { formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { printable } from '../terminal.ts';
import { explainPolicy, isQuestion, type QuestionOptions, withQuestion } from './policy-explain.ts';
import { registerPolicyHistory } from './policy-history.ts';

interface PolicyOptions extends PlaceOptions {
  readonly json?: boolean;
  readonly message?: string;
  readonly version?: number;
}

const version = wholeNumber(1, Number.MAX_SAFE_INTEGER);

/** `drawbridge policy show|check|explain|apply|history|diff|undo`. */
export const registerPolicy: RegisterVerb = (program, cli) => {
  const policy = program.command('policy').description('Show, check or apply the policy: who may do what.');
  const show = policy
    .command('show')
    .description('Print the policy in force, or an earlier version of it.')
    .option('--version <number>', 'an earlier version', version)
    .option('--json', 'print it with its version, digest and author as JSON')
    .action((options: PolicyOptions) => showPolicy(cli, options));
  registerCheck(policy, cli);
  const apply = policy
    .command('apply')
    .argument('<file>', 'policy file (YAML)')
    .description('Put a policy in force. Live sessions that it no longer allows end at once.')
    .option('--message <text>', 'why, for the history and the audit log')
    .option('--json', 'print the result as JSON')
    .action((file: string, options: PolicyOptions) => applyPolicy(cli, file, options));
  registerPolicyHistory(policy, cli);
  examples(withPlace(show), ['drawbridge policy show', 'drawbridge policy show > policy.yaml']);
  examples(withPlace(apply), [
    'drawbridge policy check policy.yaml && drawbridge policy apply policy.yaml',
    'drawbridge policy apply policy.yaml --message "$(git log -1 --format=%h:%s)"',
  ]);
};

function registerCheck(policy: Command, cli: Cli): void {
  const check = policy
    .command('check')
    .argument('[file]', 'policy file (YAML); the policy in force when left out')
    .description(
      'Check a policy file, or say what it allows whom with --as; nothing is changed. With a file, no bastion has to run.',
    )
    .action((file: string | undefined, options: QuestionOptions) => checkPolicy(cli, file, options));
  const explain = policy
    .command('explain')
    .argument('[file]', 'policy file (YAML); the policy in force when left out')
    .description('Say whether an operator may do something, and what every role says to it.')
    .action((file: string | undefined, options: QuestionOptions) => explainFile(cli, file, options));
  examples(withPlace(withQuestion(check)), [
    'drawbridge policy check policy.yaml',
    'drawbridge policy check policy.yaml --as alice --groups support --host web-1 --login deploy --action shell',
  ]);
  examples(withPlace(withQuestion(explain)), [
    'drawbridge policy explain --as alice --groups support --host web-1 --login deploy',
    'drawbridge policy explain --as alice --groups support --host web-1 --login deploy --at 2026-03-29T02:30:00+01:00',
  ]);
}

async function showPolicy(cli: Cli, options: PolicyOptions): Promise<void> {
  const params = options.version === undefined ? {} : { version: options.version };
  const policy = await callRole(cli, options, 'policy.show', params, policySummary);
  if (options.json === true) {
    cli.terminal.json(policy);
    return;
  }
  const by = printable(policy.appliedBy);
  const message = policy.message === undefined ? '' : ` (${printable(policy.message)})`;
  cli.terminal.note(`Version ${policy.version}, applied ${formatTime(policy.appliedAt)} by ${by}${message}`);
  cli.terminal.out.write(policy.text.endsWith('\n') ? policy.text : `${policy.text}\n`);
}

async function checkPolicy(cli: Cli, file: string | undefined, options: QuestionOptions): Promise<void> {
  if (isQuestion(options)) {
    await explainFile(cli, file, options);
    return;
  }
  const { parsePolicy } = await import('../../bastion/policy/schema.ts');
  if (file === undefined) {
    const { text } = await callRole(cli, options, 'policy.show', {}, policySummary);
    parsePolicy(text, 'the policy in force');
  } else parsePolicy(await readPolicyFile(file), file);
  cli.terminal.line(`${file === undefined ? 'In force' : printable(file)}: the policy is valid.`);
}

async function explainFile(cli: Cli, file: string | undefined, options: QuestionOptions): Promise<void> {
  if (file === undefined) await explainPolicy(cli, options, undefined);
  else await explainPolicy(cli, options, { name: file, text: await readPolicyFile(file) });
}

async function applyPolicy(cli: Cli, file: string, options: PolicyOptions): Promise<void> {
  const text = await readPolicyFile(file);
  const params = { text, ...(options.message === undefined ? {} : { message: options.message }) };
  const policy = await callRole(cli, options, 'policy.apply', params, policySummary);
  if (options.json === true) cli.terminal.json(policy);
  else cli.terminal.line(`Policy version ${policy.version} is in force.`);
}

async function readPolicyFile(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const code = systemCodeOf(error);
    throw new DrawbridgeError(
      'policy.unreadable',
      code === 'ENOENT'
        ? `There is no policy file ${file}.`
        : `The policy file ${file} can't be read (${code}).`,
      { cause: error },
    );
  }
  return text;
}
