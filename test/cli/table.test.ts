import { describe, expect, it } from 'vitest';
import { writeFacts, writeTable } from '../../cli/table.ts';
import { createTerminal, type Terminal } from '../../cli/terminal.ts';

function terminal(options: { isTTY?: boolean; columns?: number } = {}): {
  terminal: Terminal;
  out(): string;
  err(): string;
} {
  const out: string[] = [];
  const err: string[] = [];
  const stdout = {
    isTTY: options.isTTY ?? false,
    columns: options.columns ?? 80,
    write: (text: string) => out.push(text),
  };
  const stderr = { isTTY: false, write: (text: string) => err.push(text) };
  return {
    terminal: createTerminal(stdout, stderr, { NO_COLOR: '1' }),
    out: () => out.join(''),
    err: () => err.join(''),
  };
}

const columns = [
  { heading: 'NAME', value: (row: { name: string; size: number; what: string }) => row.name },
  { heading: 'SIZE', value: (row: { size: number }) => String(row.size), align: 'right' as const },
  { heading: 'WHAT', value: (row: { what: string }) => row.what },
];

describe('writeTable', () => {
  it('aligns columns, numbers at the right', () => {
    const { terminal: to, out } = terminal();
    writeTable(
      to,
      [
        { name: 'a', size: 5, what: 'x' },
        { name: 'longer', size: 1234, what: '' },
      ],
      columns,
      'Nothing.',
    );
    expect(out()).toBe('NAME    SIZE  WHAT\na          5  x\nlonger  1234\n');
  });

  it('keeps a row on one line of a terminal, and whole in a pipe', () => {
    const rows = [{ name: 'a', size: 1, what: 'y'.repeat(100) }];
    const narrow = terminal({ isTTY: true, columns: 40 });
    writeTable(narrow.terminal, rows, columns, 'Nothing.');
    for (const line of narrow.out().trimEnd().split('\n')) expect(line.length).toBeLessThanOrEqual(40);
    expect(narrow.out()).toContain('…');
    const pipe = terminal();
    writeTable(pipe.terminal, rows, columns, 'Nothing.');
    expect(pipe.out()).toContain('y'.repeat(100));
  });

  it('lets no cell break the line or move the cursor', () => {
    const { terminal: to, out } = terminal();
    writeTable(to, [{ name: 'a\nb\u001b[A', size: 1, what: '' }], columns, 'Nothing.');
    expect(out().trimEnd().split('\n')).toHaveLength(2);
    expect(out()).not.toContain('\u001b');
  });

  it('says in words that there is nothing, apart from the results', () => {
    const { terminal: to, out, err } = terminal();
    writeTable(to, [], columns, 'There is no host yet.');
    expect(out()).toBe('');
    expect(err()).toBe('There is no host yet.\n');
  });
});

describe('writeFacts', () => {
  it('aligns values and leaves out what is not known', () => {
    const { terminal: to, out } = terminal();
    writeFacts(to, [
      ['Proxy', 'https://p'],
      ['Reason', undefined],
      ['Operator', 'alice'],
    ]);
    expect(out()).toBe('Proxy     https://p\nOperator  alice\n');
  });
});
