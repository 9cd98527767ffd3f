import { createTerminal } from '../cli/terminal.ts';
import { systemClock } from '../shared/clock.ts';
import type { Transport, TransportHandlers } from '../shared/tunnel/transport.ts';
import { encodeHeader, Flag, FrameDecoder, FrameType, HEADER_BYTES } from '../shared/tunnel/yamux/frame.ts';
import { YamuxSession } from '../shared/tunnel/yamux/session.ts';

const DEFAULT_SECONDS = 60;

/** Messages per session, at most. */
const MAX_MESSAGES = 64;

/** More than any session of so few messages may hold: a leak, or a limit that does not. */
const MAX_HELD_BYTES = 256 * 1024 * 1024;

/** A small generator of numbers that the same seed repeats (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What one fuzzed run chooses by chance. */
class Chance {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  oneOf<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let i = 0; i < length; i += 1) bytes[i] = this.below(256);
    return bytes;
  }
}

/** A frame that is valid by itself, whatever it means where it comes. */
function validFrame(chance: Chance): Buffer {
  const type = chance.oneOf([
    FrameType.Data,
    FrameType.Data,
    FrameType.WindowUpdate,
    FrameType.Ping,
    FrameType.GoAway,
  ]);
  const ofSession = type === FrameType.Ping || type === FrameType.GoAway;
  const flags = chance.oneOf([0, 0, Flag.Syn, Flag.Ack, Flag.Fin, Flag.Rst, chance.below(16)]);
  const streamId = ofSession ? 0 : chance.oneOf([1, 3, 5, 2, chance.below(40), 0xffff_ffff]);
  if (type !== FrameType.Data) {
    return encodeHeader(
      type,
      flags,
      streamId,
      chance.oneOf([0, 1, 4096, chance.below(2 ** 31), 0xffff_ffff]),
    );
  }
  const payload = chance.bytes(chance.oneOf([0, 1, 12, chance.below(2_000)]));
  return Buffer.concat([encodeHeader(type, flags, streamId, payload.length), payload]);
}

/** The bytes of one message: valid frames, valid ones with some bytes changed, or noise. */
function message(chance: Chance): Buffer {
  if (chance.below(10) === 0) return chance.bytes(chance.below(200));
  const frames = Buffer.concat(Array.from({ length: 1 + chance.below(8) }, () => validFrame(chance)));
  if (chance.below(3) !== 0) return frames;
  for (let left = chance.below(4); left > 0; left -= 1) {
    frames[chance.below(frames.length)] = chance.below(256);
  }
  return frames.subarray(0, frames.length - chance.below(Math.min(3, frames.length)));
}

/** The decoder alone: any chunking of the same bytes must say the same. */
function fuzzDecoder(chance: Chance): void {
  const bytes = Buffer.concat(Array.from({ length: 1 + chance.below(6) }, () => message(chance)));
  const events = (cut: () => number): string => {
    let text = '';
    let payload = 0;
    const decoder = new FrameDecoder({
      onHeader: (header) => {
        text += `${JSON.stringify(header)};`;
        return undefined;
      },
      onPayload: (piece, last) => {
        payload += piece.length;
        if (last) text += `${payload};`;
        return undefined;
      },
    });
    let fault: string | undefined;
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + cut());
      fault = decoder.push(bytes.subarray(at, end));
      at = end;
    }
    return `${text}${fault ?? ''}`;
  };
  const whole = events(() => bytes.length);
  const cut = events(() => 1 + chance.below(2 * HEADER_BYTES));
  if (whole !== cut) throw new Error(`cut in pieces, the bytes say something else: ${whole} / ${cut}`);
}

class NowhereTransport implements Transport {
  readonly parkedBytes = 0;
  handlers: TransportHandlers | undefined;
  closes = 0;

  start(handlers: TransportHandlers): void {
    this.handlers = handlers;
  }

  send(): void {}

  close(): void {
    this.closes += 1;
  }
}

/** A whole session: whatever comes, it goes on or ends once, and an ended one holds nothing. */
async function fuzzSession(chance: Chance): Promise<void> {
  const transport = new NowhereTransport();
  let ends = 0;
  const session = new YamuxSession({
    transport,
    side: chance.oneOf(['client', 'server']),
    clock: systemClock,
    mayAccept: () => chance.below(8) !== 0,
    onStream: (stream) => {
      const mood = chance.below(4);
      if (mood === 0) stream.destroy();
      else if (mood === 1) stream.resume();
      else if (mood === 2) stream.pipe(stream);
    },
    onStreamEnded: () => {},
    onGoAway: () => {},
    onEnd: () => {
      ends += 1;
    },
  });
  session.start();
  for (let left = chance.below(MAX_MESSAGES); left > 0; left -= 1) {
    if (chance.below(6) === 0 && ends === 0) session.openStream().end(chance.bytes(chance.below(300)));
    transport.handlers?.onMessage(message(chance));
    if (chance.below(8) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  session.close({ code: 'fuzz.done', message: 'The run is over.' });
  if (ends !== 1) throw new Error(`the session ended ${ends} times`);
  if (transport.closes !== 1) throw new Error(`the transport was closed ${transport.closes} times`);
  if (session.openStreams !== 0) throw new Error(`${session.openStreams} streams outlived their session`);
}

/** What a fuzz run came to. */
export interface FuzzResult {
  readonly sessions: number;
  readonly seconds: number;
}

/**
 * Feeds random and mutated frames to the decoder and to whole sessions for so many seconds.
 * @throws the first failure, with the seed that repeats it in its message
 */
export async function fuzzTunnel(seed: number, seconds: number): Promise<FuzzResult> {
  const startMs = performance.now();
  const elapsedS = () => (performance.now() - startMs) / 1000;
  let sessions = 0;
  const fail = (error: unknown): never => {
    throw new Error(`seed ${seed + sessions}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  };
  process.once('uncaughtException', fail);
  while (elapsedS() < seconds) {
    const chance = new Chance(seed + sessions);
    try {
      fuzzDecoder(chance);
      await fuzzSession(chance);
    } catch (error) {
      fail(error);
    }
    sessions += 1;
    if (sessions % 1_000 === 0 && process.memoryUsage().rss > MAX_HELD_BYTES + 256 * 1024 * 1024) {
      fail(new Error('memory grows'));
    }
  }
  process.off('uncaughtException', fail);
  return { sessions, seconds: elapsedS() };
}

function numberAfter(name: string, fallback: number): number {
  const at = process.argv.indexOf(name);
  const value = at < 0 ? fallback : Number(process.argv[at + 1]);
  return Number.isFinite(value) && value >= 0 ? value : fallback;
}

if (process.argv[1] === import.meta.filename) {
  const terminal = createTerminal(process.stdout, process.stderr, process.env);
  const seed = numberAfter('--seed', Date.now() % 2 ** 31);
  const seconds = numberAfter('--seconds', DEFAULT_SECONDS);
  terminal.note(`fuzzing for ${seconds} s from seed ${seed} …`);
  try {
    const { sessions, seconds: took } = await fuzzTunnel(seed, seconds);
    terminal.line(`fuzz: ok, seed ${seed}, ${sessions} sessions, ${Math.round(sessions / took)} per second`);
  } catch (error) {
    terminal.note(`drawbridge: error: ${error instanceof Error ? error.message : String(error)}`);
    terminal.note('drawbridge: hint: Run it again with --seed and that number.');
    process.exitCode = 1;
  }
}
