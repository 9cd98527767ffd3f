import { writeTable } from '../cli/table.ts';
import type { Terminal } from '../cli/terminal.ts';

/** One measured figure. Ours, the rival's and the goal have the same unit. */
export interface Row {
  readonly figure: string;
  readonly ours: number;
  readonly unit: string;
  /** OpenSSH's chain, or whatever the part compares with, in the same run. */
  readonly rival?: number;
  readonly goal?: number;
  /** What the figures were made of, in the order in which they were taken. */
  readonly samples?: { readonly ours: readonly number[]; readonly rival?: readonly number[] };
}

/** Units of times and sizes, of which less is better; of all others more is. */
const LESS_IS_BETTER = new Set(['ns', 'µs', 'ms', 's', 'KiB', 'MiB', '%', 'sessions lost']);

const SIGNIFICANT_DIGITS = 3;

function numberText(value: number | undefined): string {
  if (value === undefined) return '';
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(SIGNIFICANT_DIGITS)));
}

/** Whether the goal is met; undefined when there is none. */
export function isMet(row: Row): boolean | undefined {
  if (row.goal === undefined) return undefined;
  return LESS_IS_BETTER.has(row.unit) ? row.ours <= row.goal : row.ours >= row.goal;
}

/** Prints figures as one table: ours, the rival's, and ours as a multiple of the rival's. */
export function printRows(terminal: Terminal, rows: readonly Row[]): void {
  const { styles } = terminal;
  const verdict = (row: Row): string => {
    const met = isMet(row);
    return met === undefined ? '' : met ? 'met' : 'missed';
  };
  writeTable(
    terminal,
    rows,
    [
      { heading: 'FIGURE', value: (row) => row.figure },
      { heading: 'OURS', value: (row) => numberText(row.ours), align: 'right' },
      { heading: 'RIVAL', value: (row) => numberText(row.rival), align: 'right' },
      { heading: 'UNIT', value: (row) => row.unit },
      {
        heading: 'RATIO',
        value: (row) => (row.rival ? `${(row.ours / row.rival).toFixed(2)}x` : ''),
        align: 'right',
      },
      { heading: 'GOAL', value: (row) => numberText(row.goal), align: 'right' },
      {
        heading: 'MET',
        value: verdict,
        paint: (text, row) => (isMet(row) === false ? styles.bad(text) : styles.good(text)),
      },
    ],
    'Nothing was measured.',
  );
}
