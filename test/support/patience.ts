/**
 * How many times as long as usual things may take: `DRAWBRIDGE_PATIENCE`, 1 unless set. A machine that does much else
 * is slow and not wrong; `npm run compat` sets it.
 */
export function patience(): number {
  return Math.max(1, Number(process.env['DRAWBRIDGE_PATIENCE'] ?? 1));
}
