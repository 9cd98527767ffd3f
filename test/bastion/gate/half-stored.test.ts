import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { Gate } from '../../../bastion/gate/gate.ts';
import { silentLogger } from '../../../shared/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** A directory that can't be opened, and so not be synced: the renaming before it has worked by then. */
const faulty = vi.hoisted(() => ({ directory: undefined as string | undefined }));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  return {
    ...real,
    openSync: (...[path, flags, mode]: Parameters<typeof real.openSync>) => {
      if (path === faulty.directory) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
      return real.openSync(path, flags, mode);
    },
  };
});

afterEach(() => {
  faulty.directory = undefined;
});

test('an opening that was stored in part only is not found by the next start', async () => {
  const options = {
    dataDir: temporaryDirectory(),
    name: 'acme',
    audit: new MemoryAudit(),
    clock: new FakeClock(),
    log: silentLogger(),
  };
  const gate = await Gate.open(options);
  faulty.directory = options.dataDir;
  await expect(gate.turnOn('admin:carol')).rejects.toMatchObject({ code: 'access.not_stored' });
  expect(gate.status.state).toBe('off');
  expect(existsSync(join(options.dataDir, 'access.json'))).toBe(false);
  faulty.directory = undefined;
  expect((await Gate.open(options)).status.state).toBe('off');
});

test('a longer opening that was stored in part only does not last longer after the next start', async () => {
  const options = {
    dataDir: temporaryDirectory(),
    name: 'acme',
    audit: new MemoryAudit(),
    clock: new FakeClock(),
    log: silentLogger(),
  };
  const gate = await Gate.open(options);
  const { until } = await gate.turnOn('admin:carol', { forMs: 60_000 });
  faulty.directory = options.dataDir;
  await expect(gate.turnOn('admin:carol', { forMs: 3_600_000 })).rejects.toMatchObject({
    code: 'access.not_stored',
  });
  faulty.directory = undefined;
  gate.stop('the test');
  const again = await Gate.open(options);
  expect(again.status).toMatchObject({ state: 'on', until });
  again.stop('the test');
});
