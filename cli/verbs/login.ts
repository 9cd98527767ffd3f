import { readFile } from 'node:fs/promises';
import { readDevice } from '../../operator/device.ts';
import { factorsText } from '../../operator/factors.ts';
import { openHome } from '../../operator/home.ts';
import { type Login, readLogin, requireLogin } from '../../operator/login-file.ts';
import { DrawbridgeError, isDrawbridgeError, messageOf, systemCodeOf } from '../../shared/errors.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import { duration } from '../duration-option.ts';
import { formatDuration, formatTime } from '../format.ts';
import { writeFacts } from '../table.ts';
import { printable } from '../terminal.ts';
import {
  findProviderSignOut,
  listOfferedProviders,
  logInWithProvider,
  signOutAtProvider,
  wantsProvider,
} from './login-provider.ts';
import { logInWithSecurityKey } from './security-key.ts';

interface HomeOption {
  readonly home?: string;
}

interface LoginOptions extends HomeOption {
  readonly username?: string;
  readonly passwordFile?: string;
  readonly code?: string;
  readonly ca?: string;
  readonly provider?: string;
  readonly deviceCode?: boolean;
  readonly browser: boolean;
  readonly securityKey?: boolean;
  readonly for?: number;
  readonly agent?: boolean;
}

const HOME_HELP = 'where the login is kept (env DRAWBRIDGE_HOME; ~/.drawbridge)';
const HOW_ELSE = 'In scripts give --username, --password-file and --code.';

/** `drawbridge login`. */
export const registerLogin: RegisterVerb = (program, cli) => {
  const login = program
    .command('login')
    .argument('[proxy]', "the proxy's address, such as https://proxy.example.com (the last one, if left out)")
    .description(
      "Sign in at the vendor's proxy with password and one-time code, or with an identity provider. It makes a fresh key that lives at most\n" +
        '8 hours, and an ssh configuration; after that ssh asks for nothing.',
    )
    .option('--username <name>', 'your user name (env DRAWBRIDGE_USERNAME; asked if left out)')
    .option(
      '--password-file <file>',
      'file with the password, - for standard input (env DRAWBRIDGE_PASSWORD)',
    )
    .option('--code <code>', 'code of your authenticator (env DRAWBRIDGE_CODE; asked if left out)')
    .option(
      '--provider <name>',
      'sign in with this identity provider, in the browser (`list` shows which there are)',
    )
    .option(
      '--device-code',
      'with an identity provider: sign in on another machine, for terminals without a browser',
    )
    .option('--no-browser', 'show the address of the sign-in instead of opening a browser')
    .option('--security-key', 'sign in with a security key or passkey, on a page of the proxy in a browser')
    .option(
      '--for <duration>',
      'how long the login lasts, such as 2h; at most what the proxy allows',
      duration,
    )
    .option('--agent', 'hand the key to the ssh-agent for the life of the login, and keep no file of it')
    .option('--ca <file>', "PEM file with the CA of the proxy's certificate, if it is not a public one")
    .option('--home <dir>', HOME_HELP)
    .action((proxy: string | undefined, options: LoginOptions) => logIn(cli, proxy, options));
  examples(login, [
    'drawbridge login https://proxy.example.com --username alice',
    'drawbridge login https://proxy.example.com --provider okta',
    'drawbridge login https://proxy.example.com --security-key --for 2h',
    'drawbridge login https://proxy.example.com --ca ca.pem --username alice --password-file - --code 123456',
  ]);
};

/** `drawbridge logout`. */
export const registerLogout: RegisterVerb = (program, cli) => {
  const logout = program
    .command('logout')
    .description('Give the login back to the proxy and remove its key, host keys and ssh configuration.')
    .option('--everywhere', 'sign out at the identity provider too: opens its page, if it has one')
    .option('--home <dir>', HOME_HELP)
    .action((options: HomeOption & { everywhere?: boolean }) => logOut(cli, options));
  examples(logout, ['drawbridge logout']);
};

/** `drawbridge status`. */
export const registerStatus: RegisterVerb = (program, cli) => {
  const status = program
    .command('status')
    .description('Say who you are signed in as, where, and for how long. Exit code 1 when you are not.')
    .option('--home <dir>', HOME_HELP)
    .option('--json', 'print it as JSON')
    .action((options: HomeOption & { json?: boolean }) => showStatus(cli, options));
  examples(status, ['drawbridge status', 'drawbridge status --json']);
};

async function logIn(cli: Cli, proxy: string | undefined, options: LoginOptions): Promise<void> {
  const { ask, askSecret } = await import('../../operator/prompt.ts');
  const { signIn } = await import('../../operator/sign-in.ts');
  const { env } = cli;
  const home = openHome(options.home, env);
  const before = await earlierLogin(cli, options);
  const proxyUrl = proxy ?? before?.proxy.url;
  if (proxyUrl === undefined) {
    throw new DrawbridgeError('usage.proxy_url', "Name the proxy's address.", {
      hint: 'drawbridge login https://proxy.example.com',
    });
  }
  const ca = await readCa(
    options.ca,
    before?.proxy.ownCa === true && proxyUrl === before.proxy.url,
    home.caPath,
  );
  const place = {
    proxyUrl,
    home,
    env,
    command: [process.execPath, cli.entryPath],
    ...(ca === undefined ? {} : { ca }),
    ...(options.for === undefined ? {} : { lifetimeMs: options.for }),
    ...(options.agent === true ? { agent: true } : {}),
  };
  if (options.securityKey === true) {
    tellSignedIn(cli, await logInWithSecurityKey(cli, place, options.browser), home.sshConfigPath);
    return;
  }
  if (options.provider === 'list') return listOfferedProviders(cli, place);
  const byProvider = wantsProvider(options, before, proxyUrl, env);
  if (byProvider) {
    const { deviceCode = false, browser } = options;
    const provider = options.provider ?? before?.provider?.name;
    tellSignedIn(
      cli,
      await logInWithProvider(cli, place, { provider, deviceCode, browser }),
      home.sshConfigPath,
    );
    return;
  }
  const prompt = { input: process.stdin, output: process.stderr };
  const username =
    options.username ?? env['DRAWBRIDGE_USERNAME'] ?? (await ask(prompt, 'User name: ', HOW_ELSE));
  const password = (await givenPassword(options, env)) ?? (await askSecret(prompt, 'Password: ', HOW_ELSE));
  const code = options.code ?? env['DRAWBRIDGE_CODE'] ?? (await ask(prompt, 'One-time code: ', HOW_ELSE));
  const login = await signIn({
    username: username.trim(),
    password,
    code: code.trim(),
    ...place,
  });
  tellSignedIn(cli, login, home.sshConfigPath);
}

function tellSignedIn({ terminal }: Cli, login: Login, sshConfigPath: string): void {
  const leftMs = Date.parse(login.key.expiresAt) - Date.now();
  terminal.line(`Signed in as ${printable(login.operator.username)} for ${formatDuration(leftMs)}.`);
  const bastion = login.bastions[0]?.name ?? 'BASTION';
  terminal.note(`Try: drawbridge ssh LOGIN@HOST.${printable(bastion)}`);
  terminal.note(
    `Or put this line first in ~/.ssh/config, and use ssh, scp, rsync as ever: Include ${sshConfigPath}`,
  );
}

/** What an earlier login, even an expired one, still tells: its proxy and CA. */
async function earlierLogin(cli: Cli, options: HomeOption): Promise<Login | undefined> {
  try {
    return await readLogin(openHome(options.home, cli.env));
  } catch (error) {
    if (isDrawbridgeError(error)) return undefined;
    throw error;
  }
}

async function readCa(
  option: string | undefined,
  remembered: boolean,
  caPath: string,
): Promise<string | undefined> {
  const path = option ?? (remembered ? caPath : undefined);
  if (path === undefined) return undefined;
  return readGivenFile(path, 'CA file');
}

async function readGivenFile(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new DrawbridgeError(
      'usage.file',
      `The ${what} ${path} can't be read (${systemCodeOf(error) ?? 'unknown'}).`,
      {
        cause: error,
      },
    );
  }
}

async function givenPassword(options: LoginOptions, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (options.passwordFile === undefined) return env['DRAWBRIDGE_PASSWORD'];
  const text = await readGivenFile(
    options.passwordFile === '-' ? '/dev/stdin' : options.passwordFile,
    'password file',
  );
  return text.replace(/\r?\n$/, '');
}

async function logOut(cli: Cli, options: HomeOption & { everywhere?: boolean }): Promise<void> {
  const home = openHome(options.home, cli.env);
  const provider = options.everywhere === true ? await findProviderSignOut(cli, home) : undefined;
  const { signOut } = await import('../../operator/sign-in.ts');
  const problem = await signOut(home, cli.env);
  cli.terminal.line('Signed out.');
  if (provider !== undefined) await signOutAtProvider(cli, provider);
  if (problem === undefined || isDrawbridgeError(problem, 'login.expired')) return;
  cli.terminal.note(
    `The proxy could not be told (${printable(messageOf(problem))}); the login ends there by itself.`,
  );
}

async function showStatus(cli: Cli, options: HomeOption & { json?: boolean }): Promise<void> {
  const nowMs = Date.now();
  const login = await requireLogin(openHome(options.home, cli.env), nowMs);
  if (options.json === true) {
    cli.terminal.json(login);
    return;
  }
  const leftMs = Date.parse(login.key.expiresAt) - nowMs;
  const device = await readDevice(openHome(options.home, cli.env));
  writeFacts(cli.terminal, [
    ['Operator', login.operator.username],
    ['Groups', login.operator.groups.join(', ')],
    ['Signed in by', factorsText(login.amr)],
    ['Device', device?.proxyId === login.proxy.id ? `${device.name} (${device.id})` : undefined],
    ['Proxy', login.proxy.url],
    ['Until', `${formatTime(login.key.expiresAt)} (${formatDuration(leftMs)} left)`],
    ['Bastions', login.bastions.map((bastion) => bastion.name).join(', ')],
    [
      'Key',
      login.key.inAgent === true ? `${login.key.fingerprint} (in the ssh-agent)` : login.key.fingerprint,
    ],
  ]);
}
