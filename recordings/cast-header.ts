import { DrawbridgeError } from '../shared/errors.ts';
import { type CastHeader, LINE_LIMIT_BYTES } from './format.ts';

/** The first line of a recording. @throws `recording.header_too_large` */
export function headerLine(header: CastHeader, pty: boolean): string {
  const { width, height, drawbridge, ...rest } = header;
  const line = JSON.stringify({
    version: 2,
    width: terminalSize(width, 80),
    height: terminalSize(height, 24),
    ...rest,
    drawbridge: { ...drawbridge, pty },
  });
  if (Buffer.byteLength(line) < LINE_LIMIT_BYTES) return line;
  throw new DrawbridgeError('recording.header_too_large', `A header may have ${LINE_LIMIT_BYTES} bytes.`);
}

/** Clients without a terminal of known size say 0; players need something to draw on. */
export function terminalSize(cells: number, fallback: number): number {
  return Number.isInteger(cells) && cells >= 1 && cells <= 0xffff ? cells : fallback;
}

/** Longest command that an encrypted recording says in the clear. */
const COMMAND_LIMIT = 1024;

/** What an encrypted recording says in the clear: no more than the audit log does. */
export function aboutOf({ timestamp, command, drawbridge }: CastHeader) {
  return {
    timestamp,
    ...(command === undefined ? {} : { command: command.slice(0, COMMAND_LIMIT) }),
    drawbridge: { ...drawbridge },
  };
}
