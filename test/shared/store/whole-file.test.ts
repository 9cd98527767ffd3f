import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeWholeFile } from '../../../shared/store/whole-file.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe('writeWholeFile', () => {
  it('replaces what is there, for its owner alone, and leaves nothing beside it', async () => {
    const folder = temporaryDirectory();
    const path = join(folder, 'a.json');
    writeFileSync(path, 'old', { mode: 0o644 });
    await writeWholeFile(path, 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await writeWholeFile(path, 'newer', 0o644);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder)).toEqual(['a.json']);
  });

  it('is whole for who reads it while several write it', async () => {
    const path = join(temporaryDirectory(), 'a.json');
    const texts = Array.from({ length: 10 }, (_, n) => String(n).repeat(50_000));
    const writing = Promise.all(texts.map((text) => writeWholeFile(path, text)));
    await writing;
    expect(texts).toContain(readFileSync(path, 'utf8'));
  });

  it('fails with what was there, and leaves nothing beside it', async () => {
    const folder = temporaryDirectory();
    const path = join(folder, 'taken');
    mkdirSync(join(path, 'by a folder'), { recursive: true });
    await expect(writeWholeFile(path, 'new')).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['taken']);
  });

  it('removes what a killed writer of the same file left, and nothing else', async () => {
    const folder = temporaryDirectory();
    const make = (name: string, ageMs: number) => {
      writeFileSync(join(folder, name), 'half');
      const then = new Date(Date.now() - ageMs);
      utimesSync(join(folder, name), then, then);
    };
    const hour = 3_600_000;
    make('key.json.0123456789ab.new', hour);
    make('key.json.ba9876543210.new', 0);
    make('key.json.new', hour);
    make('key.json.0123456789ab.new.txt', hour);
    make('key-json.0123456789ab.new', hour);
    make('other.json.0123456789ab.new', hour);
    await writeWholeFile(join(folder, 'key.json'), 'whole');
    expect(readdirSync(folder).sort()).toEqual([
      'key-json.0123456789ab.new',
      'key.json',
      'key.json.0123456789ab.new.txt',
      'key.json.ba9876543210.new',
      'key.json.new',
      'other.json.0123456789ab.new',
    ]);
  });
});
