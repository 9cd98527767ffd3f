import { connectHost } from '../../operator/connect.ts';
import { openHome } from '../../operator/home.ts';
import { systemClock } from '../../shared/clock.ts';
import { keepHeapRoom } from '../../shared/heap-room.ts';
import { examples, type RegisterVerb } from '../cli.ts';

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
    .action((host: string, options: { home?: string }) => {
      keepHeapRoom(systemClock);
      return connectHost({
        home: openHome(options.home, cli.env),
        env: cli.env,
        host,
        input: process.stdin,
        output: process.stdout,
      });
    });
  examples(connect, ["ssh -o ProxyCommand='drawbridge connect %h' alice@web-1.acme"]);
};
