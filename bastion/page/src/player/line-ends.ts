/**
 * A command without a terminal ends its lines with a bare line feed, as programs do when they write to a pipe. The
 * recording keeps that as it was; a terminal would draw it as stairs. These functions make it readable.
 */

/** Whether the header of a cast says that there was no terminal. */
export function wasWithoutTerminal(header: unknown): boolean {
  if (typeof header !== 'object' || header === null || !('drawbridge' in header)) return false;
  const { drawbridge } = header;
  return (
    typeof drawbridge === 'object' && drawbridge !== null && 'pty' in drawbridge && drawbridge.pty === false
  );
}

/** Output with a carriage return before every line feed that has none. */
export function withCarriageReturns(output: string): string {
  return output.replaceAll(/\r?\n/g, '\r\n');
}

/** A whole asciicast v2 file as the player shall draw it. */
export function castForPlayer(cast: string): string {
  const [first = '', ...lines] = cast.split('\n');
  if (!wasWithoutTerminal(parse(first))) return cast;
  const drawn = lines.map((line) => {
    const event = parse(line);
    if (!Array.isArray(event) || event[1] !== 'o' || typeof event[2] !== 'string') return line;
    return JSON.stringify([event[0], 'o', withCarriageReturns(event[2])]);
  });
  return [first, ...drawn].join('\n');
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
