import type { SshChannel } from '../shared/ssh/channel.ts';
import { forEachOf, type LightPlace, openLightSession } from './light-session.ts';

/** What the process with many sessions is told. */
export interface ManySessions {
  readonly places: readonly LightPlace[];
  /** `type`: a key every so often, its echo awaited. `stall`: floods that nobody reads. */
  readonly what: 'type' | 'stall';
}

/** What it says: `ready` once all sessions run, then, asked for it, how the typing went. */
export type SessionsReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'typed'; readonly echoMs: readonly number[]; readonly lost: number };

const AT_ONCE = 6;
const TYPE_EVERY_MS = 500;
/** Of the stalled ones: the same window as a stock client's. */
const FLOOD = 'exec cat /dev/zero';
const TYPED_INTO = 'stty raw echo; echo ready; exec cat >/dev/null';
const TERMINAL = { kind: 'pty', term: 'xterm', cols: 80, rows: 24, widthPx: 0, heightPx: 0 } as const;

/** Session that is typed into: one key at a time. */
class Typist {
  readonly #channel: SshChannel;
  readonly echoMs: number[] = [];
  #typedMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(channel: SshChannel) {
    this.#channel = channel;
  }

  get isLost(): boolean {
    return this.#channel.signal.aborted;
  }

  /** Resolves when the shell is there. */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#channel.attach({
        onData: (chunk) => {
          this.#channel.consumed(chunk.length);
          if (this.#typedMs !== undefined) this.echoMs.push(performance.now() - this.#typedMs);
          this.#typedMs = undefined;
          if (chunk.includes('ready')) resolve();
        },
        onClosed: () => reject(new Error('a session ended before it could be typed into')),
      });
      void this.#channel.request({ ...TERMINAL, modes: Buffer.alloc(1) });
      void this.#channel.request({ kind: 'exec', command: Buffer.from(TYPED_INTO) });
    });
  }

  /** Keys of all sessions are spread over the time between two of one. */
  begin(afterMs: number): void {
    setTimeout(() => {
      this.#timer = setInterval(() => this.#type(), TYPE_EVERY_MS);
    }, afterMs);
  }

  forget(): void {
    this.echoMs.length = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #type(): void {
    if (this.isLost || this.#typedMs !== undefined) return;
    this.#typedMs = performance.now();
    this.#channel.write(Buffer.from('x'));
  }
}

function report(message: SessionsReport): void {
  process.send?.(message);
}

async function type(places: readonly LightPlace[]): Promise<void> {
  const typists: Typist[] = [];
  await forEachOf(places, AT_ONCE, async (place) => {
    const typist = new Typist(await openLightSession(place));
    await typist.open();
    typists.push(typist);
  });
  for (const [n, typist] of typists.entries()) typist.begin((n * TYPE_EVERY_MS) / typists.length);
  report({ kind: 'ready' });
  process.on('message', () => {
    const echoMs = typists.flatMap((typist) => typist.echoMs);
    const lost = typists.filter((typist) => typist.isLost).length;
    for (const typist of typists) typist.forget();
    report({ kind: 'typed', echoMs, lost });
  });
}

/** Takes nothing that comes, and gives no room for more. */
async function stall(places: readonly LightPlace[]): Promise<void> {
  await forEachOf(places, AT_ONCE, async (place) => {
    const channel = await openLightSession(place);
    await new Promise<void>((resolve) => {
      channel.attach({ onData: () => resolve() });
      void channel.request({ kind: 'exec', command: Buffer.from(FLOOD) });
    });
  });
  report({ kind: 'ready' });
}

process.once('message', ({ places, what }: ManySessions) => {
  const work = what === 'type' ? type : stall;
  work(places).catch((error: unknown) => {
    process.stderr.write(`the sessions could not be held: ${String(error)}\n`);
    process.exit(1);
  });
});
