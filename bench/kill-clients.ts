import type { SshChannel } from '../shared/ssh/channel.ts';
import { forEachOf, type LightPlace, openLightSession } from './light-session.ts';

/** One session for the light client to hold. */
export interface LightSession extends LightPlace {
  readonly command: string;
  /** Sends a byte so often, when given. */
  readonly beatMs?: number;
}

/** What the light client says: `ready` once all sessions run, then, asked for it, how many are open. */
export type LightReport = { readonly kind: 'ready' } | { readonly kind: 'open'; readonly open: number };

/** Sessions that are opened at the same time. */
const AT_ONCE = 6;

async function open(session: LightSession): Promise<SshChannel> {
  const channel = await openLightSession(session);
  await new Promise<void>((resolve, reject) => {
    channel.attach({
      onData: (chunk) => {
        channel.consumed(chunk.length);
        resolve();
      },
      onClosed: () => reject(new Error(`a session of ${session.host} ended before it said anything`)),
    });
    void channel.request({ kind: 'exec', command: Buffer.from(session.command) });
  });
  if (session.beatMs !== undefined) {
    const beat = setInterval(() => channel.write(Buffer.from('.')), session.beatMs);
    channel.signal.addEventListener('abort', () => clearInterval(beat), { once: true });
  }
  return channel;
}

async function hold(sessions: readonly LightSession[]): Promise<void> {
  const held: SshChannel[] = [];
  await forEachOf(sessions, AT_ONCE, async (session) => {
    held.push(await open(session));
  });
  report({ kind: 'ready' });
  process.on('message', () => {
    report({ kind: 'open', open: held.filter(({ signal }) => !signal.aborted).length });
  });
}

function report(message: LightReport): void {
  process.send?.(message);
}

process.once('message', (sessions: readonly LightSession[]) => {
  hold(sessions).catch((error: unknown) => {
    process.stderr.write(`the light client failed: ${String(error)}\n`);
    process.exit(1);
  });
});
