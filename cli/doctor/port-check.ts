import { once } from 'node:events';
import { createServer } from 'node:net';
import { systemCodeOf } from '../../shared/errors.ts';
import { type Check, check, type Finding } from './finding.ts';

/** A place where a role is to listen. */
export interface ListenPlace {
  /** Key in the config file: `https`. */
  readonly key: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Whether a role could listen where its config file says. One that runs has its ports: then nothing is to be tried.
 * @param isRunning whether the role answers
 */
export function ports(places: readonly ListenPlace[], isRunning: () => Promise<boolean>): Check {
  return check('ports', async () => {
    if (await isRunning()) {
      const listed = places.map(({ host, port }) => `${host}:${port}`).join(' and ');
      return [{ state: 'ok', text: `The role has ${listed}.` }];
    }
    return Promise.all(places.map(tryToListen));
  });
}

/** Whether this account can listen there now. */
export async function tryToListen({ key, host, port }: ListenPlace): Promise<Omit<Finding, 'check'>> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    server.close();
    return { state: 'ok', text: `${host}:${port} is free.` };
  } catch (error) {
    return { state: 'fail', ...whyNot(systemCodeOf(error), { key, host, port }) };
  }
}

function whyNot(
  code: string | undefined,
  { key, host, port }: ListenPlace,
): { readonly text: string; readonly hint: string } {
  switch (code) {
    case 'EADDRINUSE':
      return {
        text: `Another program listens on ${host}:${port}.`,
        hint: `Find it with \`ss -ltnp\`, or set another ${key}.port.`,
      };
    case 'EACCES':
      return {
        text: `This account may not listen on ${host}:${port}.`,
        hint: `Use a port above 1023, run doctor as root, or give the role CAP_NET_BIND_SERVICE (the units of --install do).`,
      };
    case 'EADDRNOTAVAIL':
      return {
        text: `This machine has no address ${host}.`,
        hint: `Set ${key}.host to one that it has, or to 0.0.0.0.`,
      };
    default:
      return {
        text: `${host}:${port} can't be listened on (${code ?? 'unknown'}).`,
        hint: `Check ${key} in the config file.`,
      };
  }
}
