import { readFile } from 'node:fs/promises';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import { callRole, policySummary } from '../control.ts';
import { formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { printable } from '../terminal.ts';

interface PolicyOptions extends PlaceOptions {
  readonly json?: boolean;
}

/** `drawbridge policy show|check|apply`. */
export const registerPolicy: RegisterVerb = (program, cli) => {
  const policy = program.command('policy').description('Show, check or apply the policy: who may do what.');
  const show = policy
    .command('show')
    .description('Print the policy in force.')
    .option('--json', 'print it with its version, digest and author as JSON')
    .action((options: PolicyOptions) => showPolicy(cli, options));
  const check = policy
    .command('check')
    .argument('<file>', 'policy file (YAML)')
    .description('Check a policy file; nothing is changed. No bastion has to run.')
    .action((file: string) => checkPolicy(cli, file));
  const apply = policy
    .command('apply')
    .argument('<file>', 'policy file (YAML)')
    .description('Put a policy in force. Live sessions that it no longer allows end at once.')
    .option('--json', 'print the result as JSON')
    .action((file: string, options: PolicyOptions) => applyPolicy(cli, file, options));
  examples(withPlace(show), ['drawbridge policy show', 'drawbridge policy show > policy.yaml']);
  examples(check, ['drawbridge policy check policy.yaml']);
  examples(withPlace(apply), ['drawbridge policy check policy.yaml && drawbridge policy apply policy.yaml']);
};

async function showPolicy(cli: Cli, options: PolicyOptions): Promise<void> {
  const policy = await callRole(cli, options, 'policy.show', {}, policySummary);
  if (options.json === true) {
    cli.terminal.json(policy);
    return;
  }
  const by = printable(policy.appliedBy);
  cli.terminal.note(`Version ${policy.version}, applied ${formatTime(policy.appliedAt)} by ${by}`);
  cli.terminal.out.write(policy.text.endsWith('\n') ? policy.text : `${policy.text}\n`);
}

async function checkPolicy(cli: Cli, file: string): Promise<void> {
  const { parsePolicy } = await import('../../bastion/policy/schema.ts');
  parsePolicy(await readPolicyFile(file), file);
  cli.terminal.line(`${printable(file)}: the policy is valid.`);
}

async function applyPolicy(cli: Cli, file: string, options: PolicyOptions): Promise<void> {
  const text = await readPolicyFile(file);
  const policy = await callRole(cli, options, 'policy.apply', { text }, policySummary);
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
