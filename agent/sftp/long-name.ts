import { constants, readFileSync, type Stats } from 'node:fs';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Files older than this are shown with their year instead of the time of day. */
const RECENT_MS = 182 * 24 * 3600 * 1000;

/** First letter of a mode, by the file's type. */
const TYPES = new Map([
  [constants.S_IFLNK, 'l'],
  [constants.S_IFREG, '-'],
  [constants.S_IFBLK, 'b'],
  [constants.S_IFDIR, 'd'],
  [constants.S_IFCHR, 'c'],
  [constants.S_IFIFO, 'p'],
  [constants.S_IFSOCK, 's'],
]);

/** Names of users and groups, read from the system's files once. */
export class OwnerNames {
  readonly #users = readNames('/etc/passwd');
  readonly #groups = readNames('/etc/group');

  user(uid: number): string {
    return this.#users.get(uid) ?? String(uid);
  }

  group(gid: number): string {
    return this.#groups.get(gid) ?? String(gid);
  }
}

/** One line of a directory listing as `ls -l` has it; clients show it as it is. `name` may be of any encoding. */
export function longName(name: Buffer, stats: Stats, owners: OwnerNames, nowMs: number): Buffer {
  const user = owners.user(stats.uid).padEnd(8);
  const group = owners.group(stats.gid).padEnd(8);
  const links = String(stats.nlink).padStart(4);
  const size = String(stats.size).padStart(8);
  const front = `${modeText(stats.mode)} ${links} ${user} ${group} ${size} ${timeText(stats.mtimeMs, nowMs)} `;
  return Buffer.concat([Buffer.from(front), name]);
}

/** `drwxr-xr-x` */
export function modeText(mode: number): string {
  const triple = (bits: number, special: boolean, letter: string): string => {
    const execute = (bits & 1) !== 0;
    const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
    return `${(bits & 4) === 0 ? '-' : 'r'}${(bits & 2) === 0 ? '-' : 'w'}${last}`;
  };
  const type = TYPES.get(mode & constants.S_IFMT) ?? '?';
  const user = triple(mode >> 6, (mode & 0o4000) !== 0, 's');
  const group = triple(mode >> 3, (mode & 0o2000) !== 0, 's');
  return `${type}${user}${group}${triple(mode, (mode & 0o1000) !== 0, 't')}`;
}

function timeText(timeMs: number, nowMs: number): string {
  const time = new Date(timeMs);
  const day = `${MONTHS[time.getMonth()]} ${String(time.getDate()).padStart(2)}`;
  const isRecent = timeMs <= nowMs && nowMs - timeMs < RECENT_MS;
  if (!isRecent) return `${day}  ${time.getFullYear()}`;
  return `${day} ${String(time.getHours()).padStart(2, '0')}:${String(time.getMinutes()).padStart(2, '0')}`;
}

function readNames(path: string): Map<number, string> {
  const names = new Map<number, string>();
  try {
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      const [name, , id] = line.split(':');
      if (name !== undefined && id !== undefined && !names.has(Number(id))) names.set(Number(id), name);
    }
  } catch {
    // Without the file, numbers have to do, as `ls` does it.
  }
  return names;
}
