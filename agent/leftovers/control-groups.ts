import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where systems mount the second version of control groups: alone, or beside the first. */
const MOUNTS = ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'];

const NAME_PREFIX = 'drawbridge.';

/** A control group of the kernel that holds everything of one connection: what is started in it can't slip out by itself. */
export interface ControlGroup {
  /** A process joins by writing `0` here. */
  readonly joinPath: string;
  /** Ids of the processes in it. */
  pids(): number[];
  /** Kills all of them at once, also those that are being forked. False: this kernel can't (before 5.14). */
  kill(): boolean;
  /** Removes it when nothing is left in it. False: something is. */
  remove(): boolean;
}

/** The control groups below the agent's own. */
export class ControlGroups {
  readonly #base: string;

  private constructor(base: string) {
    this.#base = base;
  }

  /** Undefined where this process may make none: it is not root, is in a container, or the system has only the first version. */
  static find(mounts: readonly string[] = MOUNTS): ControlGroups | undefined {
    const own = ownPath();
    if (own === undefined) return undefined;
    for (const mount of mounts) {
      const base = join(mount, own);
      if (!existsSync(join(base, 'cgroup.procs'))) continue;
      const groups = new ControlGroups(base);
      if (groups.create(`probe-${process.pid}`)?.remove() === true) return groups;
    }
    return undefined;
  }

  /** Makes one; undefined when that can't be done. */
  create(name: string): ControlGroup | undefined {
    const path = join(this.#base, `${NAME_PREFIX}${name}`);
    try {
      mkdirSync(path);
    } catch {
      // The other ways of finding what was left do without it.
      return undefined;
    }
    return new Group(path);
  }

  /** Those that an earlier process has left behind and whose name begins with `prefix`. */
  left(prefix: string): ControlGroup[] {
    return readdirSync(this.#base)
      .filter((name) => name.startsWith(`${NAME_PREFIX}${prefix}`))
      .map((name) => new Group(join(this.#base, name)));
  }
}

class Group implements ControlGroup {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  get joinPath(): string {
    return join(this.#path, 'cgroup.procs');
  }

  pids(): number[] {
    try {
      const folders = [this.#path, ...this.#children()];
      return folders.flatMap((folder) =>
        readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number),
      );
    } catch {
      // It was removed.
      return [];
    }
  }

  kill(): boolean {
    try {
      writeFileSync(join(this.#path, 'cgroup.kill'), '1');
      return true;
    } catch {
      return false;
    }
  }

  remove(): boolean {
    try {
      for (const child of this.#children().reverse()) rmdirSync(child);
      rmdirSync(this.#path);
      return true;
    } catch {
      return !existsSync(this.#path);
    }
  }

  /** Groups that somebody who is root has made inside. */
  #children(): string[] {
    return readdirSync(this.#path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
  }
}

function ownPath(): string | undefined {
  try {
    const line = readFileSync('/proc/self/cgroup', 'utf8')
      .split('\n')
      .find((text) => text.startsWith('0::'));
    return line?.slice('0::'.length);
  } catch {
    return undefined;
  }
}
