import { z } from 'zod';
import type { ControlHandler } from '../../shared/control/handler.ts';
import type { AdminAdministration } from '../admins/administration.ts';
import { read, toJson } from './params.ts';

const named = z.object({ username: z.string().min(1).max(64) });

/** The methods of the control socket that are about administrators: the way back in for who has lost every factor. */
export function adminHandlers(administration: AdminAdministration): Readonly<Record<string, ControlHandler>> {
  return {
    'admin.setup_link': async (params, { actor }) =>
      toJson(await administration.link(actor, read(named, params).username)),
  };
}
