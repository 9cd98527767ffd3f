import type { Login } from '../../operator/login-file.ts';
import type { LoginPlace } from '../../operator/sign-in.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import { formatTime } from '../format.ts';
import { printable } from '../terminal.ts';

/** `drawbridge security-key add`. */
export const registerSecurityKey: RegisterVerb = (program, cli) => {
  const keys = program
    .command('security-key')
    .description('Security keys and passkeys for `drawbridge login --security-key`.');
  const add = keys
    .command('add')
    .description(
      'Register one more security key for yourself, in a browser, within ten minutes of a login. The administrator\n' +
        'of the proxy lists and removes them.',
    )
    .option('--no-browser', 'show the address instead of opening a browser')
    .option('--home <dir>', 'where the login is kept (env DRAWBRIDGE_HOME; ~/.drawbridge)')
    .action(async (options: { home?: string; browser: boolean }) => {
      const { openHome } = await import('../../operator/home.ts');
      const { requestRegistrationLink } = await import('../../operator/security-key-sign-in.ts');
      const { url, expiresAt } = await requestRegistrationLink(openHome(options.home, cli.env), cli.env);
      cli.terminal.note(`Open this address before ${formatTime(expiresAt)}; it works once:`);
      cli.terminal.line(printable(url.href));
      if (options.browser) await open(cli, url);
    });
  examples(add, ['drawbridge security-key add']);
};

/** Signs in with a security key; the operator sees the address and the code that the page must show. */
export async function logInWithSecurityKey(cli: Cli, place: LoginPlace, browser = true): Promise<Login> {
  const { signInWithSecurityKey } = await import('../../operator/security-key-sign-in.ts');
  const signal = cli.untilInterrupted();
  return signInWithSecurityKey(
    place,
    async ({ url, code }) => {
      cli.terminal.note('Sign in with your security key on this page:');
      cli.terminal.note(`  ${printable(url.href)}`);
      cli.terminal.note(`Go on there only if it shows this code: ${printable(code)}`);
      if (browser) await open(cli, url);
    },
    signal,
  );
}

async function open(cli: Cli, url: URL): Promise<void> {
  const { openBrowser } = await import('../../operator/open-browser.ts');
  if (!(await openBrowser(url, cli.env)))
    cli.terminal.note('No browser was found here; open the address in one.');
}
