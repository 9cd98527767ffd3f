import { connect, type Socket } from 'node:net';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { type Host, lostConnection } from './host.ts';

/** How long the TCP connection to a host may take. */
const CONNECT_TIMEOUT_MS = 10_000;

/** A host of the config file, whose sshd the bastion dials itself. */
export interface DirectHostConfig {
  readonly name: string;
  readonly address: { readonly host: string; readonly port: number };
  readonly labels: Readonly<Record<string, string>>;
}

/** Id of a direct host: what its pinned key is stored under. */
export function directHostId(name: string): string {
  return `direct:${name}`;
}

/** `config` as a {@link Host}. It counts as online: whether it answers is known when it is dialled. */
export function directHost(config: DirectHostConfig): Host {
  return {
    id: directHostId(config.name),
    name: config.name,
    labels: config.labels,
    via: 'direct',
    target: 'sshd',
    online: true,
    loss: () => lostConnection(config.name),
    connect: (signal) => dial(config, signal),
  };
}

function dial(config: DirectHostConfig, signal: AbortSignal): Promise<Socket> {
  const { host, port } = config.address;
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host, port, noDelay: true, timeout: CONNECT_TIMEOUT_MS });
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.removeAllListeners('timeout');
      socket.removeListener('error', onError);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    const onError = (error: Error): void =>
      fail(unreachable(config, systemCodeOf(error) ?? error.message, error));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError);
    socket.once('timeout', () => fail(unreachable(config, 'no answer', undefined)));
    socket.once('connect', () => {
      settle();
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}

function unreachable(config: DirectHostConfig, what: string, cause: unknown): DrawbridgeError {
  return new DrawbridgeError('host.unreachable', `The host ${config.name} can not be reached (${what}).`, {
    hint: `Check that the bastion can connect to ${config.address.host}:${config.address.port}.`,
    cause,
  });
}
