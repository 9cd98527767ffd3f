import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LoginRecords } from '../../../agent/shell/login-records.ts';
import { systemClock } from '../../../shared/clock.ts';
import { silentLogger } from '../../../shared/log.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';

const LOGIN = {
  pid: process.pid,
  terminal: '/dev/pts/77',
  user: 'deploy',
  uid: 3,
  host: 'alice@192.0.2.7',
  address: '192.0.2.7',
};

/** Runs one of the tools that read these files; undefined where there is none. */
function read(program: string, args: readonly string[]): string | undefined {
  const run = spawnSync(program, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
  return run.error === undefined ? run.stdout : undefined;
}

// Written only where glibc's layout is known.
describe.runIf(process.arch === 'x64' || process.arch === 'arm64')('a login on a terminal', () => {
  function files() {
    const { path, remove } = createTemporaryDirectory();
    onTestFinished(remove);
    const [utmp, wtmp, lastlog] = [join(path, 'utmp'), join(path, 'wtmp'), join(path, 'lastlog')];
    writeFileSync(lastlog, '');
    writeFileSync(utmp, '');
    writeFileSync(wtmp, '');
    const records = new LoginRecords(systemClock, silentLogger(), {
      ...{ present: [utmp], past: [wtmp], last: [lastlog] },
    });
    return { records, utmp, wtmp, lastlog };
  }

  it('is shown by who while it lasts, and by last afterwards', () => {
    const { records, utmp, wtmp } = files();
    const end = records.begin(LOGIN);
    const present = read('who', [utmp]);
    if (present !== undefined) expect(present).toMatch(/^deploy +pts\/77 .*\(alice@192\.0\.2\.7\)\n$/);
    end();
    expect(read('who', [utmp]) ?? '').toBe('');
    const past = read('last', ['-f', wtmp, '-w']);
    // What ended in this very second still runs for it; what has not is "still logged in".
    if (past !== undefined)
      expect(past).toMatch(/^deploy +pts\/77 +alice@192\.0\.2\.7 .*(?:\(00:00\)|still running)\n/);
  });

  it("is the last one of its account for lastlog, and leaves the others' alone", () => {
    const { records, lastlog } = files();
    records.begin({ ...LOGIN, uid: 5, terminal: '/dev/pts/5' })();
    records.begin({ ...LOGIN, host: 'long-'.repeat(80) })();
    records.begin(LOGIN)();
    const bytes = readFileSync(lastlog);
    const size = process.arch === 'x64' ? 292 : 296;
    expect(bytes).toHaveLength(6 * size);
    const record = (uid: number): Buffer => bytes.subarray(uid * size, (uid + 1) * size);
    expect(Math.abs(record(3).readInt32LE(0) - Date.now() / 1000)).toBeLessThan(3600);
    expect(
      record(3)
        .toString('latin1', size - 288)
        .replace(/\0+/g, ' '),
    ).toBe('pts/77 alice@192.0.2.7 ');
    expect(record(5).toString('latin1', size - 288)).toContain('pts/5');
    expect(record(4).equals(Buffer.alloc(size))).toBe(true);
  });

  it('takes the place of the last one on the same terminal', () => {
    const { records, utmp, wtmp } = files();
    records.begin({ ...LOGIN, terminal: '/dev/pts/1' });
    const record = readFileSync(utmp).length;
    records.begin(LOGIN)();
    const end = records.begin({ ...LOGIN, user: 'second' });
    expect(readFileSync(utmp)).toHaveLength(2 * record);
    expect(readFileSync(utmp, 'latin1')).toContain('second');
    end();
    expect(readFileSync(wtmp)).toHaveLength(5 * record);
  });

  it('is entered in no file of another layout, and makes none', () => {
    const { records, utmp, wtmp } = files();
    writeFileSync(utmp, 'something else');
    records.begin(LOGIN)();
    expect(readFileSync(utmp, 'utf8')).toBe('something else');
    const none = new LoginRecords(systemClock, silentLogger(), {
      present: [`${wtmp}-2`],
      past: [`${wtmp}-3`],
      last: [`${wtmp}-4`],
    });
    none.begin(LOGIN)();
    expect([2, 3, 4].filter((number) => existsSync(`${wtmp}-${number}`))).toEqual([]);
  });
});
