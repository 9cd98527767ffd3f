import { type Cli, examples, label, type RegisterVerb } from '../cli.ts';
import { callRole, createdToken } from '../control.ts';
import { formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { printable } from '../terminal.ts';

interface TokenOptions extends PlaceOptions {
  readonly label?: Record<string, string>;
  readonly json?: boolean;
}

/** `drawbridge token create`. */
export const registerToken: RegisterVerb = (program, cli) => {
  const token = program
    .command('token')
    .description('Create a token with which an agent joins this bastion.');
  const create = token
    .command('create')
    .argument('<name>', 'name that the host will have')
    .description('Create a token that enrols one host, once, within 30 minutes. It is shown only now.')
    .option('--label <name=value>', 'label of the host, for the policy; may be repeated', label)
    .option('--json', 'print it as JSON')
    .action((name: string, options: TokenOptions) => createToken(cli, name, options));
  examples(withPlace(create), ['drawbridge token create web-1 --label role=web --label site=paris']);
};

async function createToken(cli: Cli, name: string, options: TokenOptions): Promise<void> {
  const params = { name, labels: options.label };
  const created = await callRole(cli, options, 'token.create', params, createdToken);
  if (options.json === true) {
    cli.terminal.json(created);
    return;
  }
  cli.terminal.note(`Paste this line on the host before ${formatTime(created.expiresAt)}; it works once:`);
  cli.terminal.line(created.command);
  cli.terminal.note(aboutLabels(options.label ?? {}));
}

/** They stay here with the token, so the line does not have them. */
function aboutLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  if (pairs.length > 0)
    return `The host will have the labels ${printable(pairs.join(' '))}; the line needs none.`;
  return 'The host will have no labels, so roles of the policy that choose hosts by label are not for it (see --label).';
}
