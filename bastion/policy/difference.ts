/** Above this product of changed lines on both sides, all old lines are shown as removed and all new ones as added. */
const CELLS_MAX = 1_000_000;

/** More changed lines than this are counted, not shown. */
export const DIFFERENCE_LINES_MAX = 200;

/**
 * What changed from one text to another, line by line: `- ` removed, `+ ` added; unchanged lines are left out. For
 * people to read in the audit log.
 */
export function lineDifference(before: string, after: string): string[] {
  const old = linesOf(before);
  const fresh = linesOf(after);
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++;
  let end = 0;
  while (
    end < old.length - start &&
    end < fresh.length - start &&
    old[old.length - 1 - end] === fresh[fresh.length - 1 - end]
  ) {
    end++;
  }
  const changes = changedLines(old.slice(start, old.length - end), fresh.slice(start, fresh.length - end));
  if (changes.length <= DIFFERENCE_LINES_MAX) return changes;
  const left = changes.length - DIFFERENCE_LINES_MAX;
  return [...changes.slice(0, DIFFERENCE_LINES_MAX), `… and ${left} more changed lines`];
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Longest common subsequence; both sides are cut to what differs. */
function changedLines(old: readonly string[], fresh: readonly string[]): string[] {
  if (old.length * fresh.length > CELLS_MAX) return [...old.map(removed), ...fresh.map(added)];
  const width = fresh.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  const at = (i: number, j: number): number => common[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = fresh.length - 1; j >= 0; j--) {
      common[i * width + j] =
        old[i] === fresh[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const changes: string[] = [];
  let i = 0;
  let j = 0;
  for (const line of old) {
    while (j < fresh.length && fresh[j] !== line && at(i, j + 1) > at(i + 1, j))
      changes.push(added(fresh[j++] ?? ''));
    if (fresh[j] === line && j < fresh.length) j++;
    else changes.push(removed(line));
    i++;
  }
  while (j < fresh.length) changes.push(added(fresh[j++] ?? ''));
  return changes;
}

const removed = (line: string): string => `- ${line}`;
const added = (line: string): string => `+ ${line}`;
