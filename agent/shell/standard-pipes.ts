import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fchownSync, fstatSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';

/** Input, output and error of a process, and our ends of them. */
export interface StandardPipes {
  /** For the process. */
  readonly fds: readonly [number, number, number];
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Lets go of the process's ends; to be called once, when it has them or could not be started. */
  release(): void;
}

/** The two ends of one pipe. */
interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** Standard input is what the process reads; the other two, what it writes. */
const NUMBERS = [3, 4, 5] as const;

/** What the shell itself writes into each of its pipes. */
const FILL_BYTES = 2;

/*
 * A shell keeps short here-documents in pipes; that is the only way to a pipe from Node.js, which has no call for it.
 * It says so on its output and then waits, so that they can be opened by their names in /proc.
 */
const DONOR = 'exec 3<<E 4<<E 5<<E\nx\nE\nx\nE\nx\nE\necho; read -r line';

/**
 * Makes three real pipes for a process of the account `uid`. What Node.js calls a pipe is a socket, and a socket can't
 * be opened by its name: programs that write to `/dev/stderr` or read `/dev/stdin` would fail, and under sshd they do
 * not.
 * @returns undefined where that can't be done: outside Linux, or when the system does not let us.
 */
export async function makeStandardPipes(uid: number | undefined): Promise<StandardPipes | undefined> {
  const opened: number[] = [];
  const donor = spawn('/bin/sh', ['-c', DONOR], { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    await ready(donor);
    const [stdin, stdout, stderr] = NUMBERS.map((number) =>
      openBothEnds(`/proc/${donor.pid}/fd/${number}`, uid, opened),
    );
    if (stdin === undefined || stdout === undefined || stderr === undefined) return undefined;
    const fds = [stdin.read, stdout.write, stderr.write] as const;
    return {
      fds,
      stdin: new Socket({ fd: stdin.write, readable: false, writable: true }),
      stdout: new Socket({ fd: stdout.read, readable: true, writable: false }),
      stderr: new Socket({ fd: stderr.read, readable: true, writable: false }),
      release: () => fds.forEach(closeSync),
    };
  } catch {
    // Real pipes are better, not needed: the process gets sockets.
    for (const fd of opened) closeSync(fd);
    return undefined;
  } finally {
    donor.kill('SIGKILL');
  }
}

/** Resolves when the donor has its pipes; rejects when it ends before. */
async function ready(donor: ChildProcess): Promise<void> {
  if (donor.stdout === null) throw new Error('the donor has no output');
  const [first] = (await Promise.race([
    once(donor.stdout, 'data'),
    once(donor, 'close').then(() => [undefined]),
  ])) as [Buffer | undefined];
  if (first === undefined) throw new Error('the donor has ended');
}

/** Opens a pipe of the donor anew, empties it and gives it to the account; enters what it opens in `opened`. */
function openBothEnds(path: string, uid: number | undefined, opened: number[]): Pipe {
  const enter = (flags: number): number => {
    const fd = openSync(path, flags);
    opened.push(fd);
    return fd;
  };
  const read = enter(constants.O_RDONLY);
  const stat = fstatSync(read);
  if (!stat.isFIFO()) throw new Error('this shell keeps here-documents elsewhere');
  const write = enter(constants.O_WRONLY);
  readSync(read, Buffer.alloc(FILL_BYTES));
  if (uid !== undefined && uid !== stat.uid) fchownSync(write, uid, stat.gid);
  return { read, write };
}
