import { examples, type RegisterVerb } from '../cli.ts';
import { connectProcess } from '../connect.ts';

/** `drawbridge connect`: ssh's ProxyCommand over HTTPS. */
export const registerConnect: RegisterVerb = (program, cli) => {
  const connect = program
    .command('connect')
    .argument('<host>', 'HOST.BASTION, as `drawbridge hosts` lists it')
    .description(
      "Join standard input and output to the bastion's SSH server for a host, over HTTPS. Meant as ssh's ProxyCommand:\n" +
        '`drawbridge login` writes it into the ssh configuration for hosts that end in .wss.',
    )
    .option('--home <dir>', 'where the login is kept (env DRAWBRIDGE_HOME; ~/.drawbridge)')
    .action((host: string, options: { home?: string }) => connectProcess({ host, ...options }, cli.env));
  examples(connect, ["ssh -o ProxyCommand='drawbridge connect %h' alice@web-1.acme"]);
};
