import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sttyArguments } from '../../../agent/shell/terminal-modes.ts';

function modes(...settings: readonly (readonly [opcode: number, value: number])[]): Buffer {
  const bytes = settings.map(([opcode, value]) => {
    const setting = Buffer.alloc(5);
    setting.writeUInt8(opcode, 0);
    setting.writeUInt32BE(value, 1);
    return setting;
  });
  return Buffer.concat([...bytes, Buffer.from([0])]);
}

describe('sttyArguments', () => {
  it('sets control characters to what stty understands as these characters', () => {
    const args = sttyArguments(modes([1, 3], [5, 4], [10, 26], [3, 255]));
    const script = `stty "$@" && stty -a`;
    const shown = spawnSync('script', ['-qec', `sh -c '${script}' sh ${args.join(' ')}`, '/dev/null'], {
      encoding: 'utf8',
    });
    expect(shown.stdout).toContain('intr = ^C;');
    expect(shown.stdout).toContain('eof = ^D;');
    expect(shown.stdout).toContain('susp = ^Z;');
    expect(shown.stdout).toContain('erase = <undef>;');
  });

  it('sets and clears switches', () => {
    expect(sttyArguments(modes([53, 0], [50, 1]))).toEqual(['-echo', 'isig']);
  });

  it('takes what it can from any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const word of sttyArguments(Buffer.from(bytes))) expect(word).toMatch(/^-?[a-z0-9]+$/);
      }),
    );
  });
});
