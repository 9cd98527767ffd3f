import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { captureCommand } from '../support/captured-command.ts';
import { startIdentityProvider } from '../support/identity-provider.ts';
import { startTestProxy } from '../support/running-proxy.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

/** A proxy with a real provider, and an operator's machine whose browser is a script that notes the address. */
async function operatorMachine() {
  const provider = await startIdentityProvider();
  const proxy = await startTestProxy({
    config: { providers: [provider.config()], egress: { caBundle: provider.caPath } },
  });
  const dir = temporaryDirectory();
  const visited = join(dir, 'visited');
  const browser = join(dir, 'browser');
  const ca = join(dir, 'ca.pem');
  writeFileSync(browser, `#!/bin/sh\nprintf %s "$1" > ${visited}.new && mv ${visited}.new ${visited}\n`, {
    mode: 0o700,
  });
  writeFileSync(ca, `${proxy.ca}\n${provider.ca}`);
  const env = { PATH: process.env['PATH'], BROWSER: browser, DRAWBRIDGE_HOME: join(dir, 'home') };
  const page = async (): Promise<string> => {
    await waitFor(() => existsSync(visited), { what: 'the browser to be opened' });
    const address = readFileSync(visited, 'utf8');
    rmSync(visited);
    return address;
  };
  return { provider, proxy, ca, page, run: (...args: string[]) => captureCommand(args, env) };
}

describe('drawbridge login --provider', () => {
  it('opens the browser, signs in, and goes the same way the next time', async () => {
    const { provider, proxy, ca, page, run } = await operatorMachine();
    expect(await run('login', proxy.url, '--ca', ca, '--provider', 'list')).toMatchObject({
      status: 0,
      out: `test  Test Provider  ${provider.issuer}\n`,
    });
    const first = run('login', proxy.url, '--ca', ca, '--provider', 'test');
    await provider.signIn(await page());
    const { status, out, err } = await first;
    expect({ status, out }).toEqual({ status: 0, out: expect.stringMatching(/^Signed in as alice for /) });
    expect(err).toContain('Sign in in the browser window that has opened.');
    const again = run('login');
    await provider.signIn(await page());
    expect(await again).toMatchObject({ status: 0 });
    const everywhere = run('logout', '--everywhere');
    expect(new URL(await page()).pathname).toBe('/session/end');
    expect(await everywhere).toMatchObject({ status: 0, out: 'Signed out.\n' });
  });

  it('says in one sentence what went wrong, and leaves nothing behind', async () => {
    const { provider, proxy, ca, page, run } = await operatorMachine();
    expect(await run('login', proxy.url, '--ca', ca, '--provider', 'okta')).toMatchObject({
      status: 1,
      err: 'drawbridge: error: The proxy has no identity provider "okta". [login.provider_unknown]\ndrawbridge: hint: It has: test.\n',
    });
    const refused = run('login', proxy.url, '--ca', ca, '--provider', 'test');
    const address = await page();
    const back = new URL(address).searchParams.get('redirect_uri') ?? '';
    // A page of somebody else's, which does not know the state, is turned away and changes nothing.
    expect(await provider.signIn(`${back}?code=x&state=guessed`)).toContain('Not expected');
    expect(await provider.signIn(new URL('/elsewhere', back).href)).toContain('Nothing here');
    provider.person.claims['preferred_username'] = 'x y z';
    expect(await provider.signIn(address)).toContain('The sign-in failed');
    const { status, err } = await refused;
    expect(status).toBe(1);
    expect(err).toContain(
      'drawbridge: error: The ID token was refused: it holds no user name that can be used',
    );
    expect(await run('status')).toMatchObject({ status: 1 });
  });
});
