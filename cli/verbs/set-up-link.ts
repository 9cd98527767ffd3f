import { z } from 'zod';
import type { Cli } from '../cli.ts';
import { formatTime } from '../format.ts';
import type { PlaceOptions } from '../role-config.ts';
import { printable } from '../terminal.ts';

export interface LinkOptions extends PlaceOptions {
  readonly json?: boolean;
}

/** A link to the proxy's page, on which an operator sets up a factor. */
export const setUpLink = z.looseObject({ url: z.string(), expiresAt: z.string() });

/** Shows the link, and whom to give it to. */
export function showLink(
  cli: Cli,
  name: string,
  made: z.infer<typeof setUpLink>,
  options: LinkOptions,
): void {
  if (options.json === true) {
    cli.terminal.json(made);
    return;
  }
  cli.terminal.note(
    `Give this link to ${printable(name)} on a way that you trust, before ${formatTime(made.expiresAt)}; it works once:`,
  );
  cli.terminal.line(made.url);
}
