import type { OperatorHome } from '../../operator/home.ts';
import { type Login, readLogin } from '../../operator/login-file.ts';
import { openBrowser } from '../../operator/open-browser.ts';
import type { LoginPlace } from '../../operator/sign-in.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Cli } from '../cli.ts';
import { printable } from '../terminal.ts';

/** How to sign in with an identity provider. */
export interface ProviderOptions {
  /** Its name; undefined: the only one that there is. */
  readonly provider: string | undefined;
  readonly deviceCode: boolean;
  /** False: only show the address. */
  readonly browser: boolean;
}

/** `drawbridge login --provider NAME`. */
export async function logInWithProvider(
  cli: Cli,
  place: LoginPlace,
  { provider, deviceCode, browser }: ProviderOptions,
): Promise<Login> {
  const { signInWithProvider } = await import('../../operator/provider-sign-in.ts');
  const { terminal, env } = cli;
  return signInWithProvider({
    ...place,
    ...(provider === undefined ? {} : { provider }),
    deviceCode,
    signal: cli.untilInterrupted(),
    screen: {
      async browse(url) {
        const opened = browser && (await openBrowser(url, env));
        terminal.note(
          opened
            ? 'Sign in in the browser window that has opened. If there is none, open this address:'
            : 'Open this address in a browser on this machine to sign in (or use --device-code):',
        );
        terminal.note(url.href);
      },
      deviceCode({ url, code, complete }) {
        terminal.note(
          `Open ${printable(url)} in a browser on any machine and type this code: ${printable(code)}`,
        );
        if (complete !== undefined) terminal.note(`Or open ${printable(complete)}`);
      },
      note: (text) => terminal.note(printable(text)),
    },
  });
}

/** Where the operator's provider signs people out. */
export interface ProviderSignOut {
  readonly name: string;
  readonly page: URL | undefined;
}

/** The sign-out page of the provider that the operator last signed in with; ask before the login is removed. */
export async function findProviderSignOut(
  cli: Cli,
  home: OperatorHome,
): Promise<ProviderSignOut | undefined> {
  const { providerSignOutPage } = await import('../../operator/provider-sign-in.ts');
  const { loginEgress } = await import('../../operator/proxy-api.ts');
  const login = await readLogin(home);
  if (login.provider === undefined) return undefined;
  const { name } = login.provider;
  try {
    return { name, page: await providerSignOutPage(login.provider, await loginEgress(home, login, cli.env)) };
  } catch (error) {
    cli.terminal.note(`${printable(name)} can't be asked (${printable(messageOf(error))}).`);
    return { name, page: undefined };
  }
}

/** `drawbridge logout --everywhere`: shows the provider's own sign-out page, if it has one. */
export async function signOutAtProvider(cli: Cli, { name, page }: ProviderSignOut): Promise<void> {
  if (page === undefined) {
    cli.terminal.note(`${printable(name)} has no page to sign out; end your session there by hand.`);
    return;
  }
  const opened = await openBrowser(page, cli.env);
  cli.terminal.note(
    opened ? 'Confirm in the browser that you want to sign out there as well.' : 'Sign out there as well:',
  );
  if (!opened) cli.terminal.note(page.href);
}

/**
 * Whether this login goes by an identity provider: when one is named, or when the last one at this proxy did and nothing
 * of another way is given.
 */
export function wantsProvider(
  options: {
    readonly provider?: string;
    readonly deviceCode?: boolean;
    readonly username?: string;
    readonly passwordFile?: string;
    readonly code?: string;
  },
  before: Login | undefined,
  proxyUrl: string,
  env: NodeJS.ProcessEnv,
): boolean {
  if (options.provider !== undefined || options.deviceCode === true) return true;
  const given = [options.username, options.passwordFile, options.code, env['DRAWBRIDGE_USERNAME']];
  if (given.some((value) => value !== undefined)) return false;
  return before?.provider !== undefined && before.proxy.url === proxyUrl.replace(/\/$/, '');
}

/** `drawbridge login --provider list`. */
export async function listOfferedProviders(cli: Cli, place: LoginPlace): Promise<void> {
  const { listProviders } = await import('../../operator/providers.ts');
  const { operatorEgress } = await import('../../operator/proxy-api.ts');
  const { baseUrlOf } = await import('../../operator/sign-in.ts');
  const providers = await listProviders(operatorEgress(cli.env, place.ca), baseUrlOf(place.proxyUrl));
  if (providers.length === 0)
    cli.terminal.note('The proxy has no identity provider: sign in with a password.');
  for (const { name, title, issuer } of providers) {
    cli.terminal.line(`${printable(name)}  ${printable(title)}  ${printable(issuer)}`);
  }
}
