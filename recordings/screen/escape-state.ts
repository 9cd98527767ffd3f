/**
 * Follows whether a terminal's output stands between control sequences: only there can a screen be taken over by
 * another terminal, since the rest of a sequence that has begun would be drawn as text (states of ECMA-48 as DEC's
 * terminals have them, as far as this needs).
 */
export class EscapeState {
  #state: 'ground' | 'escape' | 'sequence' | 'string' | 'string-escape' = 'ground';

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
    if (unit === 0x18 || unit === 0x1a) {
      this.#state = 'ground';
      return;
    }
    switch (this.#state) {
      case 'ground':
        if (unit === 0x0e || unit === 0x0f) {
          this.#shiftedOut = unit === 0x0e;
          return;
        }
        this.#state = unit === 0x1b ? 'escape' : unit === 0x9b ? 'sequence' : 'string';
        return;
      case 'escape':
        if (unit === 0x1b) return;
        if (unit === 0x5b) this.#state = 'sequence';
        else if (STRING_OPENERS.has(unit)) this.#state = 'string';
        else if (unit >= 0x30 && unit <= 0x7e) this.#state = 'ground';
        return;
      case 'sequence':
        if (unit === 0x1b) this.#state = 'escape';
        else if (unit >= 0x40 && unit <= 0x7e) this.#state = 'ground';
        return;
      case 'string':
        if (unit === 0x1b) this.#state = 'string-escape';
        else if (unit === 0x07 || unit === 0x9c) this.#state = 'ground';
        return;
      case 'string-escape':
        if (unit === 0x5c) this.#state = 'ground';
        else {
          this.#state = 'escape';
          this.#take(unit);
        }
        return;
    }
  }
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
