import type { Actor, Json } from '../audit/event.ts';

/**
 * Does what a method asks for. `params` is any JSON: check it. `signal` is aborted when the caller has gone or the
 * server closes. A rejection with a `DrawbridgeError` reaches the caller as it is; anything else as
 * `control.failed`, with the particulars in the log alone.
 */
export type ControlHandler = (
  params: Json,
  context: { readonly signal: AbortSignal; readonly actor: Actor },
) => Promise<Json | undefined> | Promise<void> | AsyncIterable<Json>;
