import { createServer } from 'node:http';
import { DrawbridgeError, messageOf, systemCodeOf } from '../errors.ts';

const PREFIX = '/.well-known/acme-challenge/';
/** An ACME server looks from a few places at once; nobody else has anything to do here. */
const CONNECTION_LIMIT = 64;
const REQUEST_TIMEOUT_MS = 10_000;

/** Answers HTTP-01 challenges (RFC 8555, 8.3), and nothing else. */
export interface ChallengeListener {
  /** From now on this token is answered. */
  answer(token: string, keyAuthorization: string): void;
  close(): Promise<void>;
}

/**
 * Listens for the ACME server's visit. It always comes to port 80; another port is for those who lead 80 to it.
 * @throws `acme.port_in_use`, `acme.port_not_permitted`, `acme.port_unusable`
 */
export async function listenForChallenges(host: string, port: number): Promise<ChallengeListener> {
  const answers = new Map<string, string>();
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    const path = request.url ?? '';
    const answer = path.startsWith(PREFIX) ? answers.get(path.slice(PREFIX.length)) : undefined;
    response.writeHead(answer === undefined ? 404 : 200, {
      'content-type': 'application/octet-stream',
      connection: 'close',
    });
    response.end(answer);
  });
  server.maxConnections = CONNECTION_LIMIT;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(unusablePort(error, host, port)));
    server.listen({ host, port }, resolve);
  });
  server.on('error', () => undefined);
  return {
    answer: (token, keyAuthorization) => void answers.set(token, keyAuthorization),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function unusablePort(cause: Error, host: string, port: number): DrawbridgeError {
  switch (systemCodeOf(cause)) {
    case 'EADDRINUSE':
      return new DrawbridgeError('acme.port_in_use', `Port ${port}, for the ACME challenge, is in use.`, {
        hint: 'Let the other program hand /.well-known/acme-challenge/ on to another port, and name that as tls.acme.port.',
        cause,
      });
    case 'EACCES':
      return new DrawbridgeError(
        'acme.port_not_permitted',
        `Port ${port}, for the ACME challenge, may not be opened by this account.`,
        { hint: 'Give the service CAP_NET_BIND_SERVICE, as --install does.', cause },
      );
    default:
      return new DrawbridgeError(
        'acme.port_unusable',
        `${host}:${port}, for the ACME challenge, can't be listened on: ${messageOf(cause)}.`,
        { cause },
      );
  }
}
