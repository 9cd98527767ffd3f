const ESC = 0x1b;

type State = 'ground' | 'escape' | 'sequence' | 'string' | 'string-escape';

/**
 * Follows whether a terminal's output stands between control sequences: only there can a screen be taken over by
 * another terminal, since the rest of a sequence that has begun would be drawn as text (states of ECMA-48 as DEC's
 * terminals have them, as far as this needs).
 */
export class EscapeState {
  #state: State = 'ground';

  #shiftedOut = false;

  /** Whether the second character set (G1) is in use: SO was sent, and no SI since. */
  get shiftedOut(): boolean {
    return this.#shiftedOut;
  }

  get atGround(): boolean {
    return this.#state === 'ground';
  }

  feed(text: string): void {
    for (let at = 0; at < text.length; at++) {
      if (this.#state === 'ground') {
        at = nextTurningPoint(text, at);
        if (at === -1) return;
      }
      this.#take(text.charCodeAt(at));
    }
  }

  #take(unit: number): void {
    if (this.#state === 'ground' && (unit === 0x0e || unit === 0x0f)) this.#shiftedOut = unit === 0x0e;
    else this.#state = isCancel(unit) ? 'ground' : NEXT[this.#state](unit);
  }
}

/** CAN and SUB end whatever has begun. */
function isCancel(unit: number): boolean {
  return unit === 0x18 || unit === 0x1a;
}

/** Where a character leads from each state. */
const NEXT: Readonly<Record<State, (unit: number) => State>> = {
  ground: (unit) => (unit === ESC ? 'escape' : unit === 0x9b ? 'sequence' : 'string'),
  escape: afterEscape,
  sequence: (unit) => (unit === ESC ? 'escape' : unit >= 0x40 && unit <= 0x7e ? 'ground' : 'sequence'),
  string: (unit) => (unit === ESC ? 'string-escape' : unit === 0x07 || unit === 0x9c ? 'ground' : 'string'),
  'string-escape': (unit) => (unit === 0x5c ? 'ground' : afterEscape(unit)),
};

function afterEscape(unit: number): State {
  if (unit === 0x5b) return 'sequence';
  if (STRING_OPENERS.has(unit)) return 'string';
  return unit >= 0x30 && unit <= 0x7e ? 'ground' : 'escape';
}

/** What opens a string behind ESC: DCS, SOS, OSC, PM, APC. */
const STRING_OPENERS = new Set([0x50, 0x58, 0x5d, 0x5e, 0x5f]);

/** ESC, and the 8-bit forms of what opens a sequence or a string; and the two shifts between character sets. */
const TURNING_POINTS = new Set([0x0e, 0x0f, 0x1b, 0x90, 0x98, 0x9b, 0x9d, 0x9e, 0x9f]);

function nextTurningPoint(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Nearly everything is printable ASCII, which the set need not be asked for.
    if ((unit < 0x20 || (unit >= 0x90 && unit <= 0x9f)) && TURNING_POINTS.has(unit)) return at;
  }
  return -1;
}
