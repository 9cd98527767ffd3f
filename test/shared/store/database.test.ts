import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { Database, type DatabaseOptions } from '../../../shared/store/database.ts';
import { schemaBackupPath } from '../../../shared/store/schema-backup.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const FIRST = 'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, data BLOB)';
const SECOND = 'ALTER TABLE item ADD COLUMN colour TEXT; CREATE INDEX item_colour ON item (colour)';

const opened: Database[] = [];
afterEach(async () => {
  for (const db of opened.splice(0)) await db.close();
});

async function open(path: string, options: Partial<DatabaseOptions> = {}): Promise<Database> {
  const db = await Database.open(path, { migrations: [FIRST], synchronous: 'NORMAL', ...options });
  opened.push(db);
  return db;
}

describe('a database', () => {
  it('keeps every kind of value and gives it back', async () => {
    const db = await open(join(temporaryDirectory(), 'a.db'));
    const { lastId, changes } = await db.run('INSERT INTO item (name, data) VALUES (?, ?)', [
      'größe \u{1f600}',
      Uint8Array.of(0, 255, 1),
    ]);
    expect({ lastId, changes }).toEqual({ lastId: 1, changes: 1 });
    const row = await db.get<{ name: string; data: Buffer }>('SELECT name, data FROM item WHERE id = ?', [1]);
    expect(row?.name).toBe('größe \u{1f600}');
    expect([...(row?.data ?? [])]).toEqual([0, 255, 1]);
    const values = await db.get<Record<string, unknown>>('SELECT ? AS i, ? AS r, ? AS n, ? AS b', [
      Number.MAX_SAFE_INTEGER,
      1.5,
      null,
      42n,
    ]);
    expect(values).toEqual({ i: Number.MAX_SAFE_INTEGER, r: 1.5, n: null, b: 42 });
    await expect(db.get('SELECT ?', [2n ** 60n])).rejects.toThrow('too large');
    expect(await db.get('SELECT * FROM item WHERE id = 99')).toBeUndefined();
  });

  it('is readable by its owner alone, side files included', async () => {
    const path = join(temporaryDirectory(), 'a.db');
    const db = await open(path);
    await db.run("INSERT INTO item (name) VALUES ('x')");
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('brings an old schema up to date and keeps what is in it', async () => {
    const path = join(temporaryDirectory(), 'a.db');
    const old = await open(path);
    await old.run("INSERT INTO item (name) VALUES ('kept')");
    await old.close();
    const db = await open(path, { migrations: [FIRST, SECOND] });
    await db.run("UPDATE item SET colour = 'red'");
    expect(await db.all('SELECT name, colour FROM item')).toEqual([{ name: 'kept', colour: 'red' }]);
  });

  it('is kept as it was before its schema changes, so that the older program can have it back', async () => {
    const path = join(temporaryDirectory(), 'a.db');
    const old = await open(path);
    await old.run("INSERT INTO item (name) VALUES ('kept')");
    await old.close();
    expect(existsSync(schemaBackupPath(path, 0))).toBe(false);
    const newer = await open(path, { migrations: [FIRST, SECOND] });
    await newer.run("INSERT INTO item (name) VALUES ('later')");
    await newer.close();
    const backup = schemaBackupPath(path, 1);
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    const again = await open(path, { migrations: [FIRST, SECOND, 'CREATE TABLE third (id INTEGER)'] });
    await again.close();
    // One copy is kept: that of the last change.
    expect(existsSync(backup)).toBe(false);
    copyFileSync(schemaBackupPath(path, 2), path);
    const restored = await open(path, { migrations: [FIRST, SECOND] });
    expect(await restored.all('SELECT name FROM item')).toEqual([{ name: 'kept' }, { name: 'later' }]);
    await expect(open(path)).rejects.toMatchObject({ code: 'store.newer' });
  });

  it('is not kept when it can be made anew', async () => {
    const path = join(temporaryDirectory(), 'a.db');
    await (await open(path)).close();
    await open(path, { migrations: [FIRST, SECOND], disposable: true });
    expect(existsSync(schemaBackupPath(path, 1))).toBe(false);
  });

  it('stays as it was when the migration fails, with the copy beside it', async () => {
    const path = join(temporaryDirectory(), 'a.db');
    await (await open(path)).close();
    await expect(open(path, { migrations: [FIRST, 'CREATE TABLE item (id)'] })).rejects.toThrow();
    expect(existsSync(schemaBackupPath(path, 1))).toBe(true);
    const db = await open(path);
    expect(await db.all('SELECT * FROM item')).toEqual([]);
  });

  it('leaves the schema as it was when a migration fails half way', async () => {
    const path = join(temporaryDirectory(), 'a.db');
    await (await open(path)).close();
    const broken = 'CREATE TABLE other (id INTEGER); CREATE TABLE item (id INTEGER)';
    await expect(open(path, { migrations: [FIRST, broken] })).rejects.toMatchObject({ code: 'store.failed' });
    const db = await open(path);
    expect(await db.get("SELECT name FROM sqlite_schema WHERE name = 'other'")).toBeUndefined();
  });

  it('refuses a database that a newer version wrote, and does not touch it', async () => {
    const path = join(temporaryDirectory(), 'a.db');
    await (await open(path, { migrations: [FIRST, SECOND] })).close();
    const error = { code: 'store.newer', hint: expect.stringContaining('newer version') };
    await expect(open(path)).rejects.toMatchObject(error);
    await expect(open(path, { readOnly: true })).rejects.toMatchObject(error);
    await open(path, { migrations: [FIRST, SECOND] });
  });

  it('says what is wrong with a file that is no database', async () => {
    const path = join(temporaryDirectory(), 'a.db');
    writeFileSync(
      path,
      'this is a text and not a database, and it is quite long enough to be sure'.repeat(100),
    );
    await expect(open(path)).rejects.toMatchObject({ code: 'store.unreadable' });
  });

  it('says what is wrong when there is no such directory, or a directory in its place', async () => {
    const directory = temporaryDirectory();
    await expect(open(join(directory, 'missing', 'a.db'))).rejects.toMatchObject({
      code: 'store.unreadable',
    });
    await expect(open(directory)).rejects.toMatchObject({ code: 'store.unreadable' });
    await expect(open(join(directory, 'a.db'), { readOnly: true })).rejects.toMatchObject({
      code: 'store.unreadable',
    });
  });

  it('names a violated constraint as a conflict', async () => {
    const db = await open(join(temporaryDirectory(), 'a.db'));
    await db.run("INSERT INTO item (name) VALUES ('x')");
    await expect(db.run("INSERT INTO item (name) VALUES ('x')")).rejects.toMatchObject({
      code: 'store.conflict',
    });
  });

  it('refuses work after it was closed, and may be closed twice', async () => {
    const db = await open(join(temporaryDirectory(), 'a.db'));
    await db.close();
    await db.close();
    await expect(db.get('SELECT 1')).rejects.toMatchObject({ code: 'store.closed' });
  });

  it('can be read while another process writes', async () => {
    const path = join(temporaryDirectory(), 'a.db');
    const db = await open(path);
    await db.run("INSERT INTO item (name) VALUES ('first')");
    const reader = await open(path, { readOnly: true });
    await db.run("INSERT INTO item (name) VALUES ('second')");
    expect(await reader.all('SELECT name FROM item ORDER BY id')).toEqual([
      { name: 'first' },
      { name: 'second' },
    ]);
    await expect(reader.run("INSERT INTO item (name) VALUES ('third')")).rejects.toMatchObject({
      code: 'store.read_only',
    });
  });
});

describe('a transaction', () => {
  it('is stored as a whole', async () => {
    const db = await open(join(temporaryDirectory(), 'a.db'));
    const count = await db.transaction(async (tx) => {
      await tx.run("INSERT INTO item (name) VALUES ('a')");
      await tx.run("INSERT INTO item (name) VALUES ('b')");
      return (await tx.all('SELECT * FROM item')).length;
    });
    expect(count).toBe(2);
  });

  it('leaves nothing when its work throws', async () => {
    const db = await open(join(temporaryDirectory(), 'a.db'));
    const work = db.transaction(async (tx) => {
      await tx.run("INSERT INTO item (name) VALUES ('a')");
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    expect(await db.all('SELECT * FROM item')).toEqual([]);
  });

  it('is not mixed with the statements of others', async () => {
    const db = await open(join(temporaryDirectory(), 'a.db'));
    const failing = db.transaction(async (tx) => {
      await tx.run("INSERT INTO item (name) VALUES ('inside')");
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error('no');
    });
    const outside = db.run("INSERT INTO item (name) VALUES ('outside')");
    await expect(failing).rejects.toThrow('no');
    await outside;
    expect(await db.all('SELECT name FROM item')).toEqual([{ name: 'outside' }]);
  });

  it('counts correctly when many read and write at once', async () => {
    const db = await open(join(temporaryDirectory(), 'a.db'));
    await db.run("INSERT INTO item (id, name, data) VALUES (1, 'counter', 0)");
    const increment = () =>
      db.transaction(async (tx) => {
        const row = await tx.get<{ data: number }>('SELECT data FROM item WHERE id = 1');
        await tx.run('UPDATE item SET data = ? WHERE id = 1', [(row?.data ?? 0) + 1]);
      });
    await Promise.all(Array.from({ length: 100 }, increment));
    expect(await db.get('SELECT data FROM item')).toEqual({ data: 100 });
  });

  it('does not nest, and says so', async () => {
    const db = await open(join(temporaryDirectory(), 'a.db'));
    await expect(db.transaction((tx) => tx.transaction(async () => 1))).rejects.toThrow('do not nest');
    expect(await db.get('SELECT 1 AS one')).toEqual({ one: 1 });
  });
});

describe('a full disk', () => {
  it('refuses what does not fit, keeps what is stored, goes on when there is room, and can be opened full', async (context) => {
    const directory = temporaryDirectory();
    const run = promisify(execFile);
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', directory]).then(
      () => true,
      () => false,
    );
    context.skip(!mounted, 'mounting a small tmpfs needs privileges that are not there');
    try {
      const path = join(directory, 'a.db');
      const filler = join(directory, 'filler');
      const first = await Database.open(path, { migrations: [FIRST], synchronous: 'FULL' });
      await first.run("INSERT INTO item (name) VALUES ('before')");
      await run('sh', ['-c', `head -c 100000000 /dev/zero > ${filler} || true`]);
      const big = Buffer.alloc(500_000);
      await expect(first.run("INSERT INTO item (name, data) VALUES ('big', ?)", [big])).rejects.toMatchObject(
        {
          code: 'store.disk_full',
          hint: expect.stringContaining('Free some space'),
        },
      );
      await first.close();

      const second = await Database.open(path, { migrations: [FIRST], synchronous: 'FULL' });
      expect(await second.all('SELECT name FROM item')).toEqual([{ name: 'before' }]);
      await run('rm', [filler]);
      await second.run("INSERT INTO item (name, data) VALUES ('big', ?)", [big]);
      await second.close();
    } finally {
      await run('umount', [directory]);
    }
  });
});
