import { chmodSync, closeSync, mkdirSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Check, runChecks } from '../../../cli/doctor/finding.ts';
import {
  compiledCiphers,
  database,
  disk,
  filePermissions,
  nodeVersion,
} from '../../../cli/doctor/machine-checks.ts';
import { Database } from '../../../shared/store/database.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const look = (check: Check) => runChecks([check], new AbortController().signal, () => undefined);

describe('the checks of this machine', () => {
  it('take this Node.js, and a disk that can be written, and leave nothing on it', async () => {
    const folder = temporaryDirectory();
    expect(await look(nodeVersion())).toMatchObject([{ state: 'ok' }]);
    const findings = await look(disk(folder));
    expect(findings.map((finding) => finding.state)).not.toContain('fail');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('see whether the ciphers of SSH are the compiled ones', async () => {
    expect(await look(compiledCiphers())).toMatchObject([{ state: 'ok' }]);
    expect(await look(compiledCiphers(() => false))).toMatchObject([{ state: 'warn' }]);
  });

  it('fail for a folder that is not there', async () => {
    expect(await look(disk(join(temporaryDirectory(), 'nothing')))).toMatchObject([{ state: 'fail' }]);
  });

  it('name every secret that others may read, and nothing that is no secret', async () => {
    const folder = join(temporaryDirectory(), 'data');
    mkdirSync(folder, { mode: 0o700 });
    for (const [file, mode] of [
      ['identity.json', 0o600],
      ['ssh_host_ed25519_key', 0o640],
      ['ssh_host_ed25519_key.pub', 0o644],
      ['audit.db', 0o644],
    ] as const) {
      writeFileSync(join(folder, file), '');
      chmodSync(join(folder, file), mode);
    }
    const findings = await look(filePermissions(folder));
    expect(findings.map((finding) => finding.hint).sort()).toEqual([
      `chmod 600 ${join(folder, 'audit.db')}`,
      `chmod 600 ${join(folder, 'ssh_host_ed25519_key')}`,
    ]);
    chmodSync(folder, 0o755);
    expect(await look(filePermissions(folder))).toContainEqual(
      expect.objectContaining({ state: 'fail', hint: `chmod 700 ${folder}` }),
    );
  });

  it('tell a whole database from a damaged one', async () => {
    const path = join(temporaryDirectory(), 'some.db');
    const migrations = ['CREATE TABLE words (word TEXT NOT NULL)'];
    const db = await Database.open(path, { migrations, synchronous: 'NORMAL' });
    for (let n = 0; n < 2_000; n++) await db.run('INSERT INTO words VALUES (?)', [`word ${n}`]);
    await db.close();
    expect(await look(database(path, migrations))).toMatchObject([{ state: 'ok' }]);
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(4_096, 0xff), 0, 4_096, 8_192);
    closeSync(file);
    expect(await look(database(path, migrations))).toMatchObject([{ state: 'fail' }]);
  });
});
