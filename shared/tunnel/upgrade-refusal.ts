import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { CLOSE_TIMEOUT_MS } from './limits.ts';

/** Answers an upgrade request with an HTTP error and a JSON body `{code, message}`, and closes the socket. */
export function refuseUpgrade(socket: Duplex, status: number, code: string, message: string): void {
  if (socket.destroyed || socket.writableEnded) return;
  const body = JSON.stringify({ code, message });
  const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
      'connection: close',
      // A dialler whose clock is wrong can see that from it.
      `date: ${new Date().toUTCString()}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
  // Nobody reads what the peer still sends; without this, its end is never seen.
  socket.resume();
}
