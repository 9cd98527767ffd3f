import { statSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openHome } from '../../operator/home.ts';
import { type Login, readLogin, removeLogin, requireLogin, writeLogin } from '../../operator/login-file.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const expiresAt = '2030-01-01T08:00:00.000Z';
const login: Login = {
  version: 1,
  amr: ['pwd', 'otp', 'mfa'],
  operator: { username: 'alice', groups: ['support'] },
  key: { fingerprint: 'SHA256:x', expiresAt },
  proxy: {
    url: 'https://proxy.example.com',
    id: 'p-x',
    ssh: { host: 'proxy.example.com', port: 22, hostKey: 'ssh-ed25519 AAAA' },
    ownCa: true,
  },
  bastions: [{ name: 'acme', id: 'b-x', hostKey: 'ssh-ed25519 BBBB' }],
};

describe('the login file', () => {
  it('gives back what was written, to its owner only', async () => {
    const home = openHome(temporaryDirectory(), {});
    await writeLogin(home, login);
    expect(await readLogin(home)).toEqual(login);
    expect(statSync(home.loginPath).mode & 0o777).toBe(0o600);
  });

  it('is good until it expires', async () => {
    const home = openHome(temporaryDirectory(), {});
    await writeLogin(home, login);
    const end = Date.parse(expiresAt);
    await expect(requireLogin(home, end - 1)).resolves.toEqual(login);
    await expect(requireLogin(home, end)).rejects.toMatchObject({ code: 'login.expired' });
  });

  it('says that nobody is signed in when it is not there, also after it was removed', async () => {
    const home = openHome(temporaryDirectory(), {});
    await expect(readLogin(home)).rejects.toMatchObject({ code: 'login.none' });
    await writeLogin(home, login);
    await removeLogin(home);
    await expect(readLogin(home)).rejects.toMatchObject({ code: 'login.none' });
  });

  it('says that it can’t be read when it holds anything else', async () => {
    const home = openHome(temporaryDirectory(), {});
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        writeFileSync(home.loginPath, text);
        await expect(readLogin(home)).rejects.toMatchObject({ code: 'login.unreadable' });
      }),
    );
  });
});
