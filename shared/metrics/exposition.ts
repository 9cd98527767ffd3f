/** One figure of Prometheus' text format. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** All figures of one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** By the name's ending: `''`, `_bucket`, `_sum`, `_count`. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
}

const HISTOGRAM_ENDINGS = ['_bucket', '_sum', '_count'];
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Reads Prometheus' text format, as our own registries write it. Lines of another form are left out. */
export function parseExposition(text: string): Family[] {
  const families = new Map<string, { help: string; type: string; samples: Map<string, Sample[]> }>();
  const familyOf = (name: string) => {
    const known = families.get(name) ?? { help: '', type: 'untyped', samples: new Map<string, Sample[]>() };
    families.set(name, known);
    return known;
  };
  for (const line of text.split('\n')) {
    const [, kind, described = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === 'HELP') familyOf(described).help = rest;
    else if (kind === 'TYPE') familyOf(described).type = rest;
    const [, name = '', labels = '', value = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === '') continue;
    const ending = HISTOGRAM_ENDINGS.find(
      (one) => name.endsWith(one) && families.get(name.slice(0, -one.length))?.type === 'histogram',
    );
    const family = familyOf(ending === undefined ? name : name.slice(0, -ending.length));
    const samples = family.samples.get(ending ?? '') ?? [];
    samples.push({ labels: labelsOf(labels), value: numberOf(value) });
    family.samples.set(ending ?? '', samples);
  }
  return [...families].map(([name, family]) => ({ name, ...family }));
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(LABEL)].map(([, name = '', value = '']) => [
      name,
      value.replaceAll(/\\(.)/g, (_whole, escaped: string) => (escaped === 'n' ? '\n' : escaped)),
    ]),
  );
}

function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);
}
