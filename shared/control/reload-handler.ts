import type { Reloaded } from '../config/live-config.ts';
import type { ControlHandler } from './handler.ts';

/** The method by which a running role is asked to read its configuration anew; none for a role that can't. */
export function reloadHandler(
  reload: (() => Promise<Reloaded>) | undefined,
): Readonly<Record<string, ControlHandler>> {
  if (reload === undefined) return {};
  return {
    'config.reload': async () => {
      const { taken, waiting } = await reload();
      return { taken: [...taken], waiting: [...waiting] };
    },
  };
}
