/** Options of `prlimit`(1) by the names in /proc/PID/limits. */
const OPTIONS: Readonly<Record<string, string>> = {
  'Max cpu time': 'cpu',
  'Max file size': 'fsize',
  'Max data size': 'data',
  'Max stack size': 'stack',
  'Max core file size': 'core',
  'Max resident set': 'rss',
  'Max processes': 'nproc',
  'Max open files': 'nofile',
  'Max locked memory': 'memlock',
  'Max address space': 'as',
  'Max file locks': 'locks',
  'Max pending signals': 'sigpending',
  'Max msgqueue size': 'msgqueue',
  'Max nice priority': 'nice',
  'Max realtime priority': 'rtprio',
};

/** Options of `prlimit` that give a process the limits of `wanted` where those of `own` (both as in /proc) differ. */
export function limitOptions(wanted: string, own: string): string[] {
  const have = parse(own);
  return [...parse(wanted)]
    .filter(([name, value]) => have.get(name) !== value)
    .map(([name, value]) => `--${name}=${value}`);
}

function parse(text: string): Map<string, string> {
  const limits = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(Max [a-z ]+?)\s{2,}(\d+|unlimited)\s+(\d+|unlimited)/.exec(line);
    const option = OPTIONS[match?.[1] ?? ''];
    if (match !== null && option !== undefined) limits.set(option, `${match[2]}:${match[3]}`);
  }
  return limits;
}
