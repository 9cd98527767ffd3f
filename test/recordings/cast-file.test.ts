import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CastFile } from '../../recordings/cast-file.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('CastFile', () => {
  it('names every folder that got a new entry', () => {
    const folder = temporaryDirectory();
    const first = CastFile.create(join(folder, '2030', '01', 'a.cast'));
    expect([...first.foldersToSync]).toEqual([join(folder, '2030', '01'), join(folder, '2030'), folder]);
    const second = CastFile.create(join(folder, '2030', '01', 'b.cast'));
    expect(second.foldersToSync).toEqual([dirname(second.path)]);
    first.close();
    second.close();
  });

  it('takes back what was written since the last commit', () => {
    const file = CastFile.create(join(temporaryDirectory(), 'a.cast'));
    file.write(Buffer.from('kept'));
    file.commit();
    file.write(Buffer.from('lost'));
    expect(readFileSync(file.path, 'utf8')).toBe('keptlost');
    file.rollback();
    expect(readFileSync(file.path, 'utf8')).toBe('kept');
    file.write(Buffer.from('!'));
    file.commit();
    expect(readFileSync(file.path, 'utf8')).toBe('kept!');
    expect(file.committedBytes).toBe(5);
    file.close();
    file.close();
  });
});
