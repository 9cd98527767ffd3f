/** What kind of exec a command is; `direction` as seen from the operator, `path` as the command has it. */
export type ExecKind =
  | { readonly kind: 'scp'; readonly direction: 'upload' | 'download'; readonly path: string }
  | { readonly kind: 'rsync'; readonly direction: 'upload' | 'download'; readonly path?: string }
  | { readonly kind: 'sftp-server' }
  | { readonly kind: 'git'; readonly direction: 'upload' | 'download'; readonly path: string }
  | { readonly kind: 'plain' };

const PLAIN: ExecKind = { kind: 'plain' };

/** A command longer than this is not looked at. */
const COMMAND_LIMIT = 32 * 1024;

/**
 * Letters, digits and punctuation that mean nothing to any common shell. Not among them: quotes, backslash, `$`,
 * backtick, `;`, `&`, `|`, `<`, `>`, parentheses, braces, brackets, `*`, `?`, `!`, `#`, `~`, `^`, control characters.
 */
const HARMLESS = /^[\p{L}\p{N} @%+=:,./_-]*$/u;

/** Folders of the system. A program of the same name elsewhere, or in the working folder, may be anything. */
const SYSTEM_FOLDERS = [
  '/bin/',
  '/usr/bin/',
  '/usr/local/bin/',
  '/usr/lib/openssh/',
  '/usr/lib/ssh/',
  '/usr/lib/',
  '/usr/libexec/',
  '/usr/libexec/openssh/',
];

/**
 * Decides whether an exec is one of the file transfers whose streams are counted and hashed instead of recorded.
 * Everything else is `plain` and recorded losslessly.
 *
 * What it is worth: it keeps gigabytes of file contents out of recordings, no more. It reads the command, and the
 * command says what the operator asked for, not what the host does: whoever controls the host or the login's PATH and
 * start-up files can make `scp` print anything. So its result must never be a reason to allow something, and the
 * streams of a transfer are hashed, so that a copy of what was transferred can be compared later. Where in doubt it
 * says `plain`: quoted paths with spaces, for example, cost a larger recording and nothing else.
 */
export function classifyExec(command: string): ExecKind {
  const shortEnough = command.length <= COMMAND_LIMIT;
  if (!shortEnough) return PLAIN;
  const words = splitWords(command);
  if (words === undefined) return PLAIN;
  const [program = '', ...rest] = words;
  switch (programName(program)) {
    case 'scp':
      return classifyScp(rest);
    case 'rsync':
      return classifyRsync(rest);
    case 'sftp-server':
      return rest.length === 0 ? { kind: 'sftp-server' } : PLAIN;
    case 'git-upload-pack':
      return classifyGit(rest, 'download');
    case 'git-receive-pack':
      return classifyGit(rest, 'upload');
    case 'git':
      return classifyGitVerb(rest);
    default:
      return PLAIN;
  }
}

/** Words of a command that every shell would split alike; a word in single quotes stands for itself. */
function splitWords(command: string): string[] | undefined {
  const words: string[] = [];
  for (const word of command.split(' ')) {
    if (word === '') continue;
    const quoted = /^'([^']*)'$/.exec(word)?.[1];
    const text = quoted ?? word;
    if (!HARMLESS.test(text)) return undefined;
    words.push(text);
  }
  // An assignment in front of the command would change what it does.
  return words[0]?.includes('=') === true ? undefined : words;
}

function programName(program: string): string | undefined {
  if (!program.includes('/')) return program;
  const folder = SYSTEM_FOLDERS.find(
    (candidate) => program.startsWith(candidate) && !program.slice(candidate.length).includes('/'),
  );
  return folder === undefined ? undefined : program.slice(folder.length);
}

/** Whether an `scp -t` was told that its path is a folder (`-d`). */
export function scpIntoFolder(command: string): boolean {
  return /^ *\S+(?: +-[vrpqtf]+)* +-[vrpqtf]*d/.test(command);
}

/** `scp [-v] [-r] [-p] [-d] -t|-f [--] path`: what OpenSSH's scp runs at the other end (its source says the same). */
function classifyScp(words: readonly string[]): ExecKind {
  const firstPath = words.findIndex((word) => word === '--' || !word.startsWith('-'));
  if (firstPath === -1) return PLAIN;
  const flags = words.slice(0, firstPath);
  if (!flags.every((flag) => /^-[vrpdqtf]+$/.test(flag))) return PLAIN;
  const letters = flags.join('');
  const upload = letters.includes('t');
  if (upload === letters.includes('f')) return PLAIN;
  const paths = words.slice(words[firstPath] === '--' ? firstPath + 1 : firstPath);
  if (paths.length === 0) return PLAIN;
  return { kind: 'scp', direction: upload ? 'upload' : 'download', path: paths.join(' ') };
}

/** Options of rsync that make its server run another program or write where it was not told to. */
const RSYNC_DANGEROUS = /^(-e$|--rsh|--rsync-path|--config|--daemon|--log-file|--early-input|--write-batch)/;

/** `rsync --server [--sender] -options . path…`: what rsync runs at the other end. */
function classifyRsync(words: readonly string[]): ExecKind {
  if (words[0] !== '--server') return PLAIN;
  if (words.some((word) => RSYNC_DANGEROUS.test(word))) return PLAIN;
  const direction = words[1] === '--sender' ? 'download' : 'upload';
  const dot = words.indexOf('.');
  if (dot === -1 || !words.slice(1, dot).every((word) => word.startsWith('-'))) return PLAIN;
  const path = words.slice(dot + 1).join(' ');
  return path === '' ? { kind: 'rsync', direction } : { kind: 'rsync', direction, path };
}

function classifyGitVerb(words: readonly string[]): ExecKind {
  const [verb, ...rest] = words;
  if (verb === 'upload-pack') return classifyGit(rest, 'download');
  if (verb === 'receive-pack') return classifyGit(rest, 'upload');
  return PLAIN;
}

function classifyGit(words: readonly string[], direction: 'upload' | 'download'): ExecKind {
  const [path, ...rest] = words;
  if (path === undefined || path.startsWith('-') || rest.length > 0) return PLAIN;
  return { kind: 'git', direction, path };
}
