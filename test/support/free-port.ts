import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { systemCodeOf } from '../../shared/errors.ts';

/**
 * Below the ports that systems give to outgoing connections: a port of those may be taken by any client of another test
 * before it is listened on.
 */
const FIRST_PORT = 20_000;
const PORTS_END = 32_000;
const TRIES = 50;

/**
 * A TCP port on 127.0.0.1 that was free a moment ago. Listen on port 0 instead where the code under test can; this
 * is for ports that must be written into a file first.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FIRST_PORT, PORTS_END);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (systemCodeOf(error) === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
