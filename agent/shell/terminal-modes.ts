import { WireReader } from '../../shared/ssh/wire.ts';

/** Control characters of RFC 4254, section 8, by opcode, as `stty` names them. */
const CHARACTERS: Readonly<Record<number, string>> = {
  1: 'intr',
  2: 'quit',
  3: 'erase',
  4: 'kill',
  5: 'eof',
  6: 'eol',
  7: 'eol2',
  8: 'start',
  9: 'stop',
  10: 'susp',
  12: 'rprnt',
  13: 'werase',
  14: 'lnext',
  18: 'discard',
};

/** Switches by opcode. */
const SWITCHES: Readonly<Record<number, string>> = {
  30: 'ignpar',
  31: 'parmrk',
  32: 'inpck',
  33: 'istrip',
  34: 'inlcr',
  35: 'igncr',
  36: 'icrnl',
  37: 'iuclc',
  38: 'ixon',
  39: 'ixany',
  40: 'ixoff',
  41: 'imaxbel',
  42: 'iutf8',
  50: 'isig',
  51: 'icanon',
  52: 'xcase',
  53: 'echo',
  54: 'echoe',
  55: 'echok',
  56: 'echonl',
  57: 'noflsh',
  58: 'tostop',
  59: 'iexten',
  60: 'echoctl',
  61: 'echoke',
  70: 'opost',
  71: 'olcuc',
  72: 'onlcr',
  73: 'ocrnl',
  74: 'onocr',
  75: 'onlret',
};

const END = 0;
const FIRST_WITHOUT_VALUE = 160;

/** A disabled control character (RFC 4254, section 8). */
const DISABLED = 255;

/**
 * Encoded terminal modes as arguments of `stty`. Modes that `stty` doesn't know, and speeds, are left out; a
 * malformed rest is too, since a client that sends one still wants its terminal.
 */
export function sttyArguments(modes: Buffer): string[] {
  const settings: string[] = [];
  const reader = new WireReader(modes);
  while (reader.leftBytes >= 5) {
    const opcode = reader.byte();
    if (opcode === END || opcode >= FIRST_WITHOUT_VALUE) break;
    const value = reader.uint32();
    const character = CHARACTERS[opcode];
    const name = SWITCHES[opcode];
    if (character !== undefined && value <= DISABLED) settings.push(character, characterText(value));
    else if (name !== undefined) settings.push(value === 0 ? `-${name}` : name);
  }
  return settings;
}

/** In hexadecimal, since `stty` takes a single digit for the character that it is, and not for its number. */
function characterText(value: number): string {
  return value === DISABLED || value === 0 ? 'undef' : `0x${value.toString(16)}`;
}
