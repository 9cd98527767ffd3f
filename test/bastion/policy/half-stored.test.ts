import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { PolicyStore } from '../../../bastion/policy/policy-store.ts';
import { BASTION_MIGRATIONS } from '../../../bastion/store/migrations.ts';
import { Database } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** A directory that can't be opened, and so not be synced: the renaming before it has worked by then. */
const faulty = vi.hoisted(() => ({ directory: undefined as string | undefined }));

vi.mock('node:fs/promises', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs/promises')>();
  return {
    ...real,
    open: (...[path, flags, mode]: Parameters<typeof real.open>) => {
      if (path === faulty.directory) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
      return real.open(path, flags, mode);
    },
  };
});

afterEach(() => {
  faulty.directory = undefined;
});

test('a policy that was stored in part only is not the one that the next start finds', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'policy.yaml');
  const text = (group: string) =>
    `version: 1\nroles:\n  - { name: r, groups: [${group}], hosts: { names: ['*'] }, logins: [deploy], allow: [shell] }\n`;
  writeFileSync(path, text('a'));
  const database = await Database.open(join(directory, 'bastion.db'), {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'NORMAL',
  });
  onTestFinished(() => database.close());
  const store = await PolicyStore.open({ path, database, audit: new MemoryAudit(), clock: new FakeClock() });
  faulty.directory = directory;
  await expect(store.apply('local:root', text('b'))).rejects.toMatchObject({ code: 'policy.not_stored' });
  expect(store.policy.roles[0]?.groups).toEqual(['a']);
  expect(readFileSync(path, 'utf8')).toBe(text('a'));
  faulty.directory = undefined;
  await store.apply('local:root', text('b'));
  expect(readFileSync(path, 'utf8')).toBe(text('b'));
});
