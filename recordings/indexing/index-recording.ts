import { DrawbridgeError } from '../../shared/errors.ts';
import { readLineBytes, readLines } from '../cast-lines.ts';
import { displayOf, hadTerminal } from '../cast-reader.ts';
import { type CastEvent, EVENT_CODE, isBytesEvent, parseEventLine, parseHeaderLine } from '../format.ts';
import { type Pause, SHORTEST_PAUSE_S } from '../pauses.ts';
import { Screen } from '../screen/screen.ts';
import type { IndexRange, IndexSegment, Keyframe } from './index-format.ts';
import { ScreenText } from './screen-text.ts';
import { TypedCommands } from './typed-commands.ts';

/** A segment ends behind so many bytes of the file that are shown: what a player loads to seek. */
export const SEGMENT_BYTES = 512 * 1024;

/** A segment of a quiet session ends after so long, if there is something in it. */
const SEGMENT_S = 60;
const SEGMENT_QUIET_BYTES = 8 * 1024;

/** Without an end of its control sequences, or of raw bytes, it ends all the same behind so many bytes of the file. */
const SEGMENT_LIMIT_BYTES = 8 * 1024 * 1024;

/** A screen whose dump is longer (UTF-16 code units) is no place to seek to. */
const SCREEN_LIMIT = 4 * 1024 * 1024;

/** Between two looks at the whole screen passes so much time of the recording: who looks longer has seen it. */
const LOOK_PERIOD_S = 1;

/** Before the screen is erased it is looked at, but not again within so little time and output. */
const ERASE_LOOK_S = 0.05;
const ERASE_LOOK_UNITS = 1024;

/** Output waits in the emulator up to so many UTF-16 code units. */
const WRITES_LIMIT = 256 * 1024;

/** Markers of one segment. */
const MARKERS_LIMIT = 1000;

const MARKER_LABEL_LIMIT = 200;

/** How many characters of a piece of output tell whether it is text, and which share of them text can not have. */
const SAMPLE_UNITS = 1024;
const BINARY_SHARE = 0.1;
const REPLACEMENT = 0xfffd;
const SPACE = 0x20;
/** BEL to CR, and ESC: what terminals act on. */
const FIRST_USED = 0x07;
const LAST_USED = 0x0d;
const ESCAPE = 0x1b;

const RESIZE = /^(\d{1,5})x(\d{1,5})$/;

/**
 * Goes through the recording at `path` with a terminal emulator and gives its index, segment by segment: keyframes to
 * seek to, and the text that was on the screen with the time at which it was there. Each segment can be stored by
 * itself; the next run begins at its `next`, so that nothing is done twice after a restart, or while a recording grows.
 * @throws `recording.malformed`, system errors
 */
export async function* indexRecording(
  path: string,
  range: IndexRange,
  signal?: AbortSignal,
): AsyncGenerator<IndexSegment> {
  const { header, headerBytes } = await readHeader(path, signal);
  const first: Keyframe = range.from ?? {
    startS: 0,
    offsetBytes: headerBytes,
    ...sizeOf(header),
    screen: '',
  };
  const pass = new IndexPass(first, displayOf(header), hadTerminal(header));
  try {
    const lineRange = { startBytes: first.offsetBytes, endBytes: range.endBytes };
    for await (const lines of readLineBytes(path, signal, lineRange)) {
      for (const line of lines) {
        if (isBytesEvent(line)) {
          pass.skip(line.length + 1);
          continue;
        }
        const event = parseEventLine(line.toString('utf8'));
        if (event === undefined) throw malformed();
        const segment = await pass.take(event, line.length + 1);
        if (segment !== undefined) yield segment;
      }
    }
    const last = await pass.finish();
    if (last !== undefined) yield last;
  } finally {
    pass.close();
  }
}

class IndexPass {
  readonly #screen: Screen;
  readonly #text = new ScreenText();
  /** Of a recording with a terminal: nobody types where there is none. */
  readonly #typed: TypedCommands | undefined;
  readonly #display: (event: CastEvent) => CastEvent;
  #keyframe: Keyframe;
  #markers: [number, string][] = [];
  #pauses: Pause[] = [];
  /** Time of the last event that a player draws. */
  #shownS: number;
  #endBytes: number;
  /** Of the segment: raw bytes, which no player loads. */
  #skippedBytes = 0;
  #endS: number;
  /** Time of the output that the emulator carries out at this moment; behind the times that were handed to it. */
  #nowS: number;
  #handedS: number;
  #waiting = 0;
  #outputBytes = 0;
  /** Time of the first output that nobody has looked at. */
  #dirtyS: number | undefined;
  #unitsSinceErase = Number.POSITIVE_INFINITY;
  #erasedS = Number.NEGATIVE_INFINITY;

  constructor(first: Keyframe, display: (event: CastEvent) => CastEvent, hasTerminal: boolean) {
    this.#keyframe = first;
    this.#display = display;
    this.#endBytes = first.offsetBytes;
    this.#endS = first.startS;
    this.#shownS = first.startS;
    this.#nowS = first.startS;
    this.#handedS = first.startS;
    this.#screen = new Screen(first, {
      onLine: (text) => {
        this.#text.add(this.#nowS, text);
        this.#typed?.lineDone(this.#nowS, text);
      },
      onErase: () => this.#lookBeforeErase(),
      onPromptEnd: () => this.#typed?.marked(),
    });
    if (first.screen !== '') {
      this.#screen.write(first.screen, () => {
        this.#typed?.take();
        this.#typed?.resumed();
      });
    }
    this.#typed = hasTerminal ? new TypedCommands(this.#screen) : undefined;
  }

  /** Takes in one event; gives the segment that ends before it, if one does. */
  async take(event: CastEvent, lineBytes: number): Promise<IndexSegment | undefined> {
    let done: IndexSegment | undefined;
    this.#notePause(event);
    if (this.#isDue(event.time)) {
      await this.#settle();
      this.#look();
      const screen = this.#screen.dump();
      const { cols, rows } = this.#screen;
      if (screen.length <= SCREEN_LIMIT) {
        done = this.#segment({ startS: event.time, offsetBytes: this.#endBytes, cols, rows, screen });
      }
    } else if (this.#dirtyS !== undefined && event.time - this.#dirtyS >= LOOK_PERIOD_S) {
      // In the order of the writes, and without waiting for them: the emulator takes a moment for each wait.
      this.#dirtyS = undefined;
      this.#screen.write('', () => this.#addVisible());
    }
    await this.#apply(event);
    this.#endBytes += lineBytes;
    this.#endS = Math.max(this.#endS, event.time);
    return done;
  }

  /** Passes over a line that shows nothing. */
  skip(lineBytes: number): void {
    this.#endBytes += lineBytes;
    this.#skippedBytes += lineBytes;
  }

  /** The segment that the recording ends in; nothing when nothing has come since the last one. */
  async finish(): Promise<IndexSegment | undefined> {
    if (this.#endBytes === this.#keyframe.offsetBytes) return undefined;
    await this.#settle();
    this.#look();
    return this.#segment(undefined);
  }

  close(): void {
    this.#screen.close();
  }

  #isDue(timeS: number): boolean {
    const fileBytes = this.#endBytes - this.#keyframe.offsetBytes;
    if (fileBytes >= SEGMENT_LIMIT_BYTES) return true;
    const bytes = fileBytes - this.#skippedBytes;
    const isLong =
      bytes >= SEGMENT_BYTES || (bytes >= SEGMENT_QUIET_BYTES && timeS - this.#keyframe.startS >= SEGMENT_S);
    return isLong && this.#screen.atGround && this.#outputBytes > 0;
  }

  #notePause({ code, time }: CastEvent): void {
    if (code !== EVENT_CODE.output && code !== EVENT_CODE.resize) return;
    if (time - this.#shownS > SHORTEST_PAUSE_S) this.#pauses.push([this.#shownS, time]);
    this.#shownS = Math.max(this.#shownS, time);
  }

  async #apply(event: CastEvent): Promise<void> {
    if (event.code === EVENT_CODE.output) {
      const { data } = this.#display(event);
      if (data === '' || isBinary(data)) return;
      this.#outputBytes += data.length;
      this.#waiting += data.length;
      this.#dirtyS ??= event.time;
      // The callback of the write before this one is what sets the clock of this one.
      this.#at(event.time);
      this.#screen.write(data, () => {
        this.#unitsSinceErase += data.length;
        this.#typed?.paused();
      });
      if (this.#waiting >= WRITES_LIMIT) await this.#settle();
    } else if (event.code === EVENT_CODE.resize) {
      const size = RESIZE.exec(event.data);
      if (size === null) return;
      await this.#settle();
      this.#look();
      this.#screen.resize(Number(size[1]), Number(size[2]));
    } else if (event.code === EVENT_CODE.marker && this.#markers.length < MARKERS_LIMIT) {
      this.#markers.push([event.time, event.data.slice(0, MARKER_LABEL_LIMIT)]);
    }
  }

  #at(timeS: number): void {
    if (timeS === this.#handedS) return;
    this.#handedS = timeS;
    this.#screen.write('', () => {
      this.#nowS = timeS;
    });
  }

  async #settle(): Promise<void> {
    await this.#screen.settled();
    this.#waiting = 0;
  }

  #look(): void {
    this.#nowS = this.#handedS;
    this.#addVisible();
    this.#dirtyS = undefined;
  }

  #addVisible(): void {
    for (const line of this.#screen.lines()) this.#text.add(this.#nowS, line);
  }

  #lookBeforeErase(): void {
    const isSoon = this.#nowS - this.#erasedS < ERASE_LOOK_S && this.#unitsSinceErase < ERASE_LOOK_UNITS;
    if (isSoon) return;
    this.#erasedS = this.#nowS;
    this.#unitsSinceErase = 0;
    this.#addVisible();
  }

  #segment(next: Keyframe | undefined): IndexSegment {
    const segment: IndexSegment = {
      keyframe: this.#keyframe,
      endBytes: this.#endBytes,
      endS: this.#endS,
      chunks: this.#text.take(),
      markers: this.#markers,
      pauses: this.#pauses,
      commands: this.#typed?.take() ?? [],
      ...(next === undefined ? {} : { next }),
    };
    this.#markers = [];
    this.#pauses = [];
    this.#outputBytes = 0;
    this.#skippedBytes = 0;
    if (next !== undefined) this.#keyframe = next;
    return segment;
  }
}

async function readHeader(
  path: string,
  signal: AbortSignal | undefined,
): Promise<{ header: Readonly<Record<string, unknown>>; headerBytes: number }> {
  for await (const [line] of readLines(path, signal)) {
    const parsed = line === undefined ? undefined : parseHeaderLine(line);
    if (line === undefined || parsed === undefined) throw malformed();
    return { header: parsed.header, headerBytes: Buffer.byteLength(line) + 1 };
  }
  throw malformed();
}

function sizeOf(header: Readonly<Record<string, unknown>>): { cols: number; rows: number } {
  const { width, height } = header;
  return { cols: typeof width === 'number' ? width : 80, rows: typeof height === 'number' ? height : 24 };
}

function malformed(): DrawbridgeError {
  return new DrawbridgeError('recording.malformed', 'The recording has a line that is no event.', {
    hint: 'Check the file against the audit log: drawbridge recordings verify.',
  });
}

/** Whether this is a program or an archive that somebody fetched: nobody reads it on a screen, and drawing it is slow. */
function isBinary(data: string): boolean {
  if (data.length < SAMPLE_UNITS) return false;
  let found = 0;
  for (let at = 0; at < SAMPLE_UNITS; at++) {
    const unit = data.charCodeAt(at);
    const isUsed = unit === ESCAPE || (unit >= FIRST_USED && unit <= LAST_USED);
    if (unit === REPLACEMENT || (unit < SPACE && !isUsed)) found += 1;
  }
  return found > SAMPLE_UNITS * BINARY_SHARE;
}
