import { ownName } from '../../shared/own-name.ts';
import { examples, type RegisterVerb } from '../cli.ts';
import { hostAndPort } from '../host-and-port.ts';

interface Options {
  readonly dir?: string;
  readonly login?: string;
  readonly sshd?: { host: string; port: number };
  readonly once?: boolean;
}

/** `drawbridge demo`. */
export const registerDemo: RegisterVerb = (program, cli) => {
  const demo = program
    .command('demo')
    .description(
      'Run a whole installation on this machine: a proxy, a bastion and two agents as processes on loopback, with an\n' +
        'operator signed in. It needs no root and only an ssh client. Ctrl-C ends it and leaves nothing running.',
    )
    .option('--dir <dir>', 'keep everything in this folder, with demo.json and ssh_config (made if missing)')
    .option('--login <user>', 'UNIX account that the agents serve (the current one)')
    .option('--sshd <host:port>', 'web-1 uses this sshd instead of its own shell', hostAndPort)
    .option('--once', 'use it once, verify the evidence, and end with "demo: ok"')
    .action(async (options: Options) => {
      const { runDemo } = await import('../demo/demo.ts');
      await runDemo(cli, {
        login: options.login ?? ownName(),
        once: options.once === true,
        ...(options.dir === undefined ? {} : { dir: options.dir }),
        ...(options.sshd === undefined ? {} : { sshd: options.sshd }),
      });
    });
  examples(demo, [
    'drawbridge demo',
    'drawbridge demo --once',
    'drawbridge demo --dir /tmp/bridge --sshd 127.0.0.1:22',
  ]);
};
