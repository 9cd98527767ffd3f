import { renderUnicodeCompact } from 'uqr';
import type { Terminal } from './terminal.ts';

/** Bright white on black: scanners want dark modules on a light ground, whatever the terminal's own colours are. */
const QR_COLOURS = '\u001b[97;40m';
const RESET = '\u001b[0m';

/** Shows `text` as a QR code on a terminal; into a file or a pipe it writes nothing. */
export function writeQrCode(terminal: Terminal, text: string): void {
  if (terminal.out.isTTY !== true) return;
  for (const line of renderUnicodeCompact(text, { border: 2 }).split('\n'))
    terminal.line(`${QR_COLOURS}${line}${RESET}`);
}
