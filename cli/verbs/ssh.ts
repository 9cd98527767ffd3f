import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { openHome } from '../../operator/home.ts';
import { requireLogin } from '../../operator/login-file.ts';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';

interface SshOptions {
  readonly home?: string;
}

const HOME_HELP = 'where the login is kept (env DRAWBRIDGE_HOME; ~/.drawbridge)';
/** What a shell reports for a program that a signal ended is this plus the signal's number. */
const SIGNAL_STATUS = 128;

/** `drawbridge ssh`. */
export const registerSsh: RegisterVerb = (program, cli) => {
  const ssh = program
    .command('ssh')
    .argument('[arguments...]', "ssh's own options, [LOGIN@]HOST.BASTION, and a command")
    .description('Run the stock ssh client with the configuration of this login. Its exit code is passed on.')
    .option('--home <dir>', `${HOME_HELP}; only before the other arguments`)
    .passThroughOptions()
    .allowUnknownOption()
    .action((args: string[], options: SshOptions) => runSsh(cli, args, options));
  examples(ssh, [
    'drawbridge ssh alice@web-1.acme',
    'drawbridge ssh alice@web-1.acme.wss uptime',
    'drawbridge ssh -L 8080:localhost:80 alice@web-1.acme',
  ]);
};

/** `drawbridge ssh-config`. */
export const registerSshConfig: RegisterVerb = (program, cli) => {
  const config = program
    .command('ssh-config')
    .description('Print the ssh configuration of this login; `login` keeps it as a file to include as well.')
    .option('--home <dir>', HOME_HELP)
    .action((options: SshOptions) => printSshConfig(cli, options));
  examples(config, [
    'drawbridge ssh-config',
    "echo 'Include ~/.drawbridge/ssh_config' | cat - ~/.ssh/config",
  ]);
};

async function runSsh(cli: Cli, args: readonly string[], options: SshOptions): Promise<void> {
  const home = openHome(options.home, cli.env);
  await requireLogin(home, Date.now());
  const child = spawn('ssh', ['-F', home.sshConfigPath, ...args], { stdio: 'inherit' });
  // ssh handles Ctrl-C itself; this process only waits for it and passes its exit code on.
  cli.untilInterrupted();
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', (error) => {
      const missing = systemCodeOf(error) === 'ENOENT';
      reject(
        new DrawbridgeError(
          'ssh.missing',
          missing ? 'There is no ssh client on this machine.' : `ssh: ${error.message}`,
          {
            hint: 'Install the OpenSSH client (on Debian and Ubuntu: apt install openssh-client).',
            cause: error,
          },
        ),
      );
    });
    child.once('exit', (code) => resolve(code ?? SIGNAL_STATUS));
  });
  cli.exitWith(status);
}

async function printSshConfig(cli: Cli, options: SshOptions): Promise<void> {
  const home = openHome(options.home, cli.env);
  await requireLogin(home, Date.now());
  cli.terminal.out.write(await readFile(home.sshConfigPath, 'utf8'));
}
