import { DrawbridgeError, messageOf, systemCodeOf } from './errors.ts';

/** Where a role was to listen. */
export interface ListenPlace {
  readonly host: string;
  readonly port: number;
  /** The key of the config file that says so: `https`. */
  readonly key: string;
}

/**
 * Why a role can't listen where its configuration says, with what to do about it: `listen.in_use`,
 * `listen.not_permitted`, `listen.no_such_address`, `listen.failed`.
 */
export function listenFault(cause: unknown, { host, port, key }: ListenPlace): DrawbridgeError {
  switch (systemCodeOf(cause)) {
    case 'EADDRINUSE':
      return new DrawbridgeError('listen.in_use', `Port ${port} on ${host} is in use by another program.`, {
        hint: `Stop that program (\`ss -ltnp\` tells which it is), or set another ${key}.port in the config file.`,
        cause,
      });
    case 'EACCES':
      return new DrawbridgeError('listen.not_permitted', `This account may not listen on port ${port}.`, {
        hint: `Set a ${key}.port above 1023 in the config file, or give the program CAP_NET_BIND_SERVICE, as --install does.`,
        cause,
      });
    case 'EADDRNOTAVAIL':
      return new DrawbridgeError('listen.no_such_address', `This machine has no address ${host}.`, {
        hint: `Set ${key}.host in the config file to one of its addresses, or to 0.0.0.0 for all of them.`,
        cause,
      });
    default:
      return new DrawbridgeError('listen.failed', `Can not listen on ${host}:${port}: ${messageOf(cause)}.`, {
        hint: `Check ${key} in the config file.`,
        cause,
      });
  }
}
