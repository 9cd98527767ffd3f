/** What a variable is called on its way: a name that nothing of the system reads. */
const PREFIX = 'DRAWBRIDGE_LATER_';

/** Names that a shell can give something to. Others are none that programs ask for. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Where `sh` is bash: its own, which it lets nobody set, and whose setting would end it. */
const SHELLS_OWN = /^(?:BASHOPTS|BASH_VERSINFO|EUID|PPID|SHELLOPTS|UID)$/;

/** Variables on their way through steps that must not obey them. */
export interface CarriedEnvironment {
  /** What the steps before find: every value under a name that means nothing. */
  readonly env: Readonly<Record<string, string>>;
  /** A command line that gives everything its real name and becomes what is written behind it. */
  readonly line: readonly string[];
}

/**
 * Takes variables past steps that are still root. LD_PRELOAD or LANGUAGE would have a word there; as arguments of a program,
 * the values could be read by everybody on the host. A process's environment is read by its own account and by root alone.
 */
export function carryEnvironment(env: Readonly<Record<string, string>>): CarriedEnvironment {
  const entries = Object.entries(env).filter(([name]) => NAME.test(name) && !SHELLS_OWN.test(name));
  const names = entries.map(([name]) => name);
  const script = [
    ...names.map((name) => `export ${name}="$${PREFIX}${name}"`),
    ...names.map((name) => `unset ${PREFIX}${name}`),
    'exec "$@"',
  ];
  return {
    env: Object.fromEntries(entries.map(([name, value]) => [`${PREFIX}${name}`, value])),
    line: ['/bin/sh', '-c', script.join('\n'), 'drawbridge'],
  };
}
