import type { Command } from 'commander';
import type { z } from 'zod';
import type { Actor, Json } from '../shared/audit/event.ts';
import { ControlClient } from '../shared/control/client.ts';
import { DrawbridgeError, isDrawbridgeError } from '../shared/errors.ts';
import { ownName } from '../shared/own-name.ts';
import type { Cli } from './cli.ts';
import { readAnswer } from './control.ts';
import { configPathOf, type PlaceOptions, socketPathOf } from './role-config.ts';

/** Where an installation keeps the proxy's configuration. */
export const DEFAULT_PROXY_CONFIG = '/etc/drawbridge/proxy.yaml';

/** Adds `--config` and `--socket` for a proxy to a verb. */
export function withProxyPlace(command: Command): Command {
  return command
    .option('--config <file>', `configuration of the proxy (env DRAWBRIDGE_CONFIG; ${DEFAULT_PROXY_CONFIG})`)
    .option('--socket <path>', 'control socket of the running proxy (env DRAWBRIDGE_SOCKET)');
}

/**
 * Asks the running proxy to do something; when none runs, does it on the proxy's data directory itself, under its lock.
 * @throws what the method throws, `control.unexpected`, `store.locked`
 */
export async function callProxy<T>(
  cli: Cli,
  options: PlaceOptions,
  method: string,
  params: Json,
  answer: z.ZodType<T>,
): Promise<T> {
  const place = {
    ...options,
    ...(options.socket === undefined ? { config: configPathOf(options, cli, DEFAULT_PROXY_CONFIG) } : {}),
  };
  const client = await connectIfRunning(await socketPathOf(place, cli), place.config === undefined);
  if (client === undefined) {
    return readAnswer(
      await callOffline(configPathOf(place, cli, DEFAULT_PROXY_CONFIG), method, params),
      method,
      answer,
    );
  }
  try {
    return readAnswer(await client.call(method, params), method, answer);
  } finally {
    client.close();
  }
}

async function connectIfRunning(socketPath: string, mustRun: boolean): Promise<ControlClient | undefined> {
  try {
    return await ControlClient.connect(socketPath);
  } catch (error) {
    if (!mustRun && isDrawbridgeError(error, 'control.not_running')) return undefined;
    throw error;
  }
}

async function callOffline(configPath: string, method: string, params: Json): Promise<unknown> {
  const { openProxyAdministration } = await import('../proxy/administration.ts');
  const { loadProxyConfig } = await import('../proxy/config.ts');
  const { controlHandlers } = await import('../proxy/control.ts');
  const { administration, close } = await openProxyAdministration(await loadProxyConfig(configPath));
  try {
    const notRunning = (): Promise<Json> => {
      throw new DrawbridgeError('control.not_running', 'The proxy does not run.');
    };
    const handler = controlHandlers(administration, notRunning)[method];
    if (handler === undefined) throw new DrawbridgeError('control.unknown_method', `There is no ${method}.`);
    const actor: Actor = `local:${ownName()}`;
    const { signal } = new AbortController();
    // As it would have come through the socket: what is undefined is left out.
    return await handler(JSON.parse(JSON.stringify(params)) as Json, { actor, signal });
  } finally {
    await close();
  }
}
