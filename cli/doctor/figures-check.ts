import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { type Check, check, type Finding } from './finding.ts';
import { tryToListen } from './port-check.ts';

/** As long as a scraper waits. */
const ANSWER_LIMIT_MS = 10_000;
/** Far more than a readiness answer has: another program may have the port. */
const ANSWER_LIMIT_BYTES = 64 * 1024;

const readiness = z.union([z.object({ ok: z.literal(true) }), z.object({ message: z.string() })]);

/** Whether an agent tells its figures where its config file says, and is ready. Nothing for one that tells none. */
export function figures(listen: { readonly host: string; readonly port: number } | undefined): Check[] {
  if (listen === undefined) return [];
  return [check('figures', async (signal) => [await look(listen, signal)])];
}

async function look(
  place: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<Omit<Finding, 'check'>> {
  const where = `${place.host}:${place.port}`;
  const answer = await readyz(place, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]));
  if (answer === undefined) {
    const free = await tryToListen({ key: 'metrics.listen', ...place });
    if (free.state !== 'ok') return free;
    return {
      state: 'warn',
      text: `Nothing tells figures at ${where}.`,
      hint: 'Start the agent, or start it anew: `metrics` counts from its next start.',
    };
  }
  const said = readiness.safeParse(answer);
  if (!said.success) {
    const hint = 'Find it with `ss -ltnp`, or set another metrics.listen.port.';
    return { state: 'fail', text: `Another program answers at ${where}.`, hint };
  }
  if ('ok' in said.data)
    return { state: 'ok', text: `The agent tells its figures at http://${where}/metrics, and is ready.` };
  return {
    state: 'warn',
    text: `The agent runs and is not ready: ${said.data.message}`,
    hint: 'The checks on the way to the bastion, below, say where it ends.',
  };
}

/** What is answered there; undefined when nothing is. */
async function readyz(
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<unknown> {
  const asked = request({ host, port, path: '/readyz', signal });
  asked.end();
  let response: IncomingMessage;
  try {
    [response] = (await once(asked, 'response')) as [IncomingMessage];
  } catch (error) {
    signal.throwIfAborted();
    const refused = error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
    return refused ? undefined : '';
  }
  // An agent says how long its answer is.
  if (!(Number(response.headers['content-length']) <= ANSWER_LIMIT_BYTES)) {
    response.destroy();
    return '';
  }
  const said = await text(response);
  try {
    return JSON.parse(said);
  } catch {
    return said;
  }
}
