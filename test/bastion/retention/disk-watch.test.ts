import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DISK_LAST_BYTES, DiskWatch, HEADROOM_BYTES } from '../../../bastion/retention/disk-watch.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const MEBIBYTE = 1024 * 1024;

describe('the room that is kept for the administrator', () => {
  it('is laid down on a roomy disk, and used when something has filled the disk, after the sessions were ended', async ({
    skip,
  }) => {
    const path = join(temporaryDirectory(), 'disk');
    mkdirSync(path);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${288 * MEBIBYTE}`, 'tmpfs', path]);
    if (mounted.status !== 0) return skip(`mount is not permitted here: ${mounted.stderr}`);
    onTestFinished(() => {
      spawnSync('umount', ['-l', path]);
    });
    const free = () => statfsSync(path).bavail * statfsSync(path).bsize;
    const ended: string[] = [];
    const watch = new DiskWatch({
      directory: path,
      freeBytes: async () => free(),
      endSessions: (message) => ended.push(message),
      clock: new FakeClock(),
      log: silentLogger(),
    });
    onTestFinished(() => watch.close());
    const database = await Database.open(join(path, 'some.db'), {
      migrations: ['CREATE TABLE sign_ins (at INTEGER) STRICT'],
      synchronous: 'FULL',
    });
    onTestFinished(() => database.close());

    await watch.look();
    expect(statSync(join(path, 'headroom')).size).toBe(HEADROOM_BYTES);
    expect(ended).toEqual([]);

    // Something else takes all there is, by small files in the end, so that not a page is left.
    for (const size of [64 * MEBIBYTE, MEBIBYTE, 4096]) {
      for (let n = 0; free() >= size; n++)
        writeFileSync(join(path, `filler-${size}-${n}`), Buffer.alloc(size));
    }
    expect(free()).toBeLessThan(DISK_LAST_BYTES);
    await watch.look();
    expect(ended[0]).toContain('disk of the bastion is full');
    expect(existsSync(join(path, 'headroom'))).toBe(false);
    await database.run('INSERT INTO sign_ins VALUES (1)');
    // It is not laid down again while the disk is that full.
    await watch.look();
    expect(existsSync(join(path, 'headroom'))).toBe(false);
  });
});
