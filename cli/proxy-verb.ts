import type { Command } from 'commander';
import type { z } from 'zod';
import type { Json } from '../shared/audit/event.ts';
import { type Cli, examples } from './cli.ts';
import { callProxy, withProxyPlace } from './proxy-administration.ts';
import type { PlaceOptions } from './role-config.ts';

/** What every verb that administers a proxy takes. */
export interface ProxyVerbOptions extends PlaceOptions {
  readonly json?: boolean;
}

/** A verb that asks the proxy for one thing, and shows the answer to a person or a program. */
export interface ProxyVerb<T, Options extends ProxyVerbOptions> {
  readonly name: string;
  readonly alias?: string;
  /** As commander writes them, `<name>`, with what they are. */
  readonly arguments?: readonly (readonly [name: string, about: string])[];
  readonly about: string;
  readonly examples: readonly string[];
  /** Adds options of its own. */
  readonly options?: (command: Command) => Command;
  readonly method: string;
  /** What to ask with; without it, nothing. Several values of one argument stand behind each other. */
  readonly params?: (args: readonly string[], options: Options) => Json | Promise<Json>;
  readonly answer: z.ZodType<T>;
  /** Shows the answer to a person. Programs get it as it is. */
  readonly show: (result: T, args: readonly string[]) => void;
}

/** Adds a verb that administers a proxy, which works with the proxy running and without. */
export function addProxyVerb<T, Options extends ProxyVerbOptions = ProxyVerbOptions>(
  parent: Command,
  cli: Cli,
  verb: ProxyVerb<T, Options>,
): void {
  const command = parent.command(verb.name).description(verb.about);
  if (verb.alias !== undefined) command.alias(verb.alias);
  for (const [name, about] of verb.arguments ?? []) command.argument(name, about);
  verb.options?.(command);
  command.option('--json', 'print the result as JSON');
  command.action(async (...given: unknown[]) => {
    const options = command.opts<Options>();
    const args = given
      .slice(0, command.registeredArguments.length)
      .flat()
      .filter((word): word is string => typeof word === 'string');
    const params = (await verb.params?.(args, options)) ?? {};
    const result = await callProxy(cli, options, verb.method, params, verb.answer);
    if (options.json === true) cli.terminal.json(result ?? {});
    else verb.show(result, args);
  });
  examples(withProxyPlace(command), verb.examples);
}
