import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initProxy } from '../../proxy/setup/init.ts';
import { createSshKeyFile } from '../../shared/ssh/keys.ts';
import { captureCommand } from '../support/captured-command.ts';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';

const { path: dir, remove } = createTemporaryDirectory();
afterAll(remove);
let config: string;
beforeAll(async () => {
  const made = await initProxy({ dir, name: 'central', host: '127.0.0.1', httpsPort: 0, sshPort: 0 });
  config = made.configPath;
});

const run = (...args: string[]) => captureCommand([...args, '--config', config]);
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).out) as unknown;

describe('administering a proxy that does not run', () => {
  it('adds operators, for people and for programs, and lists them', async () => {
    const shown = await run('proxy', 'user', 'add', 'alice', '--group', 'support,dba');
    expect(shown).toMatchObject({ status: 0, err: expect.stringContaining('shown only now') });
    expect(shown.out).toMatch(/Password +\S{20}/);
    expect(await json('proxy', 'user', 'add', 'bob')).toMatchObject({ password: expect.any(String) });
    expect(await json('proxy', 'user', 'ls')).toMatchObject([
      { username: 'alice', groups: ['support', 'dba'] },
      { username: 'bob', groups: [] },
    ]);
    expect((await run('proxy', 'user', 'list')).out).toContain('alice');
  });

  it('replaces groups by all that are named, or by none', async () => {
    const some = await run('proxy', 'user', 'groups', 'alice', 'ops', 'web,db');
    expect(some.out).toBe('alice is in ops, web, db.\n');
    expect((await run('proxy', 'user', 'groups', 'alice')).out).toBe('alice is in no group.\n');
    expect(await json('proxy', 'user', 'ls')).toMatchObject([{ groups: [] }, {}]);
  });

  it('takes a password from a file, and says when it can not be read', async () => {
    const path = join(dir, 'password');
    writeFileSync(path, 'correct horse battery staple\n');
    expect(await json('proxy', 'user', 'add', 'carol', '--password-file', path)).not.toHaveProperty(
      'password',
    );
    const missing = await run('proxy', 'user', 'add', 'dave', '--password-file', join(dir, 'nothing'));
    expect(missing).toMatchObject({ status: 2, err: expect.stringContaining('[usage.file]') });
  });

  it('registers keys, lists those of one operator, and takes them away', async () => {
    const line = await createSshKeyFile(join(dir, 'key'), 'alice');
    writeFileSync(join(dir, 'key.pub'), line);
    expect((await run('proxy', 'user', 'key', 'add', 'alice', join(dir, 'key.pub'))).status).toBe(0);
    const [key] = (await json('proxy', 'user', 'key', 'ls', 'alice')) as { fingerprint: string }[];
    expect(key?.fingerprint).toMatch(/^SHA256:/);
    expect(await json('proxy', 'user', 'key', 'ls', 'bob')).toEqual([]);
    const gone = await run('proxy', 'user', 'key', 'rm', 'alice', key?.fingerprint ?? '');
    expect(gone.out).toBe('The key is removed.\n');
  });

  it('invites bastions and lists none before they join; refuses what is not there', async () => {
    const token = await run('proxy', 'bastion', 'token', 'acme');
    expect(token.out).toMatch(/^drawbridge bastion join https:\/\/\S+ dbj1\.\S+$/m);
    expect(await json('proxy', 'bastion', 'ls')).toEqual([]);
    const revoked = await run('proxy', 'bastion', 'revoke', 'nobody');
    expect(revoked).toMatchObject({ status: 1, err: expect.stringContaining('[bastion.unknown]') });
    const device = await run('proxy', 'device', 'approve', 'd-0123456789abcdef');
    expect(device).toMatchObject({ status: 1, err: expect.stringContaining('[device.unknown]') });
    expect(await json('proxy', 'device', 'ls')).toEqual([]);
  });
});
