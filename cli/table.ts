import { printable, type Terminal } from './terminal.ts';

/** A column of a table: its heading, and how a row's value reads. */
export interface Column<Row> {
  readonly heading: string;
  readonly value: (row: Row) => string;
  /** Numbers stand at the right. */
  readonly align?: 'left' | 'right';
  /** Colours the cell after it was measured. */
  readonly paint?: (text: string, row: Row) => string;
}

const GAP = '  ';
/** Below this the last column is no longer cut: a narrower one would say nothing. */
const NARROWEST_LAST = 12;

function shorten(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, Math.max(width - 1, 0)).join('')}…`;
}

/**
 * Writes rows as an aligned table. On a terminal the last column is cut so that a row stays on one line; into a file
 * or a pipe everything is written whole. With no rows it writes `empty` to standard error.
 */
export function writeTable<Row>(
  terminal: Terminal,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  empty: string,
): void {
  if (rows.length === 0) {
    terminal.note(empty);
    return;
  }
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const widths = columns.map((column, index) =>
    Math.max(column.heading.length, ...cells.map((line) => [...(line[index] ?? '')].length)),
  );
  const last = columns.length - 1;
  if (terminal.out.isTTY === true) {
    const before = widths.slice(0, last).reduce((sum, width) => sum + width + GAP.length, 0);
    widths[last] = Math.min(widths[last] ?? 0, Math.max(terminal.columns - before, NARROWEST_LAST));
  }
  const place = (text: string, index: number): string => {
    const width = widths[index] ?? 0;
    const fitted = index === last ? shorten(text, width) : text;
    const padding = ' '.repeat(Math.max(width - [...fitted].length, 0));
    if (columns[index]?.align === 'right') return padding + fitted;
    return index === last ? fitted : fitted + padding;
  };
  terminal.line(
    terminal.styles.dim(columns.map((column, index) => place(column.heading, index)).join(GAP)).trimEnd(),
  );
  rows.forEach((row, at) => {
    const line = columns.map((column, index) => {
      const text = place(cells[at]?.[index] ?? '', index);
      return column.paint === undefined ? text : column.paint(text, row);
    });
    terminal.line(line.join(GAP).trimEnd());
  });
}

/** Writes `name  value` lines, aligned; entries without a value are left out. */
export function writeFacts(
  terminal: Terminal,
  facts: readonly (readonly [name: string, value: string | undefined])[],
): void {
  const known = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
  const width = Math.max(0, ...known.map(([name]) => name.length));
  for (const [name, value] of known) {
    terminal.line(`${terminal.styles.dim(name.padEnd(width))}${GAP}${printable(value)}`);
  }
}
