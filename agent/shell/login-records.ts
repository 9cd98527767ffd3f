import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import { enterLastLogin } from './last-login.ts';

/** Who is on the machine now (`who`), who was (`last`), and when each account last was (`lastlog`). */
const FILES = {
  present: ['/run/utmp', '/var/run/utmp'],
  past: ['/var/log/wtmp'],
  last: ['/var/log/lastlog'],
};

interface Files {
  readonly present: readonly string[];
  readonly past: readonly string[];
  readonly last: readonly string[];
}

/** utmp(5), as glibc lays it out; on other machines none is written. */
const LAYOUTS: Partial<
  Record<NodeJS.Architecture, { readonly sizeBytes: number; readonly wideTime: boolean }>
> = {
  x64: { sizeBytes: 384, wideTime: false },
  arm64: { sizeBytes: 400, wideTime: true },
};

const USER_PROCESS = 7;
const DEAD_PROCESS = 8;
const FIRST_LOGIN_TYPE = 5;

const AT = { type: 0, pid: 4, line: 8, id: 40, user: 44, host: 76, session: 336 } as const;
const LENGTH = { line: 32, id: 4, user: 32, host: 256 } as const;

/** A login on a terminal. */
export interface TerminalLogin {
  readonly pid: number;
  /** Path of the terminal. */
  readonly terminal: string;
  readonly user: string;
  readonly uid: number;
  /** Who comes from where, for people. */
  readonly host: string;
  /** IP address. */
  readonly address: string;
}

/**
 * Enters logins on terminals where the system's own tools look for them. Like sshd, it writes only into files that are
 * there. Node.js has no record locks; entries are appended or replaced in one write each.
 */
export class LoginRecords {
  readonly #layout = LAYOUTS[process.arch];
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(clock: Clock, log: Logger, files: Files = FILES) {
    this.#files = files;
    this.#clock = clock;
    this.#log = log;
  }

  /** Enters a login; gives back what enters its end. */
  begin(login: TerminalLogin): () => void {
    this.#enter(login, USER_PROCESS);
    this.#enterLast(login);
    return () => this.#enter({ ...login, user: '', host: '' }, DEAD_PROCESS);
  }

  #enter(login: TerminalLogin, type: number): void {
    if (this.#layout === undefined) return;
    const record = this.#record(login, type, this.#layout);
    try {
      firstThere(this.#files.present, (fd) => {
        if (isWhole(fd, record.length)) replace(fd, record);
      });
      firstThere(this.#files.past, (fd) => {
        if (isWhole(fd, record.length)) append(fd, record);
      });
    } catch (error) {
      this.#log.warn({ err: error }, 'a login could not be entered in utmp or wtmp');
    }
  }

  #enterLast({ uid, terminal, host }: TerminalLogin): void {
    const login = { uid, host, line: lineOf(terminal), timeMs: this.#clock.nowMs() };
    try {
      for (const path of this.#files.last) enterLastLogin(path, login);
    } catch (error) {
      this.#log.warn({ err: error }, 'a login could not be entered in lastlog');
    }
  }

  #record(
    login: TerminalLogin,
    type: number,
    { sizeBytes, wideTime }: { readonly sizeBytes: number; readonly wideTime: boolean },
  ): Buffer {
    const record = Buffer.alloc(sizeBytes);
    const line = lineOf(login.terminal);
    record.writeInt16LE(type, AT.type);
    record.writeInt32LE(login.pid, AT.pid);
    putText(record, line, AT.line, LENGTH.line);
    putText(record, line.slice(-LENGTH.id), AT.id, LENGTH.id);
    putText(record, login.user, AT.user, LENGTH.user);
    putText(record, login.host, AT.host, LENGTH.host);
    const nowMs = this.#clock.nowMs();
    const seconds = Math.floor(nowMs / 1000);
    const micros = (nowMs % 1000) * 1000;
    const timeAt = AT.session + (wideTime ? 8 : 4);
    if (wideTime) {
      record.writeBigInt64LE(BigInt(seconds), timeAt);
      record.writeBigInt64LE(BigInt(Math.floor(micros)), timeAt + 8);
    } else {
      record.writeInt32LE(seconds, timeAt);
      record.writeInt32LE(Math.floor(micros), timeAt + 4);
    }
    if (isIP(login.address) === 4)
      Buffer.from(login.address.split('.').map(Number)).copy(record, timeAt + (wideTime ? 16 : 8));
    return record;
  }
}

function lineOf(terminal: string): string {
  return terminal.replace(/^\/dev\//, '');
}

function firstThere(paths: readonly string[], use: (fd: number) => void): void {
  for (const path of paths) {
    let fd: number;
    try {
      fd = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW);
    } catch {
      // This system keeps none, or not here.
      continue;
    }
    try {
      use(fd);
    } finally {
      closeSync(fd);
    }
    return;
  }
}

/** A file of another layout is not ours to write into. */
function isWhole(fd: number, sizeBytes: number): boolean {
  const stat = fstatSync(fd);
  return stat.isFile() && stat.size % sizeBytes === 0;
}

function append(fd: number, record: Buffer): void {
  writeSync(fd, record);
}

/** Puts the record where the terminal has one already, as pututxline(3) does. */
function replace(fd: number, record: Buffer): void {
  const known = Buffer.alloc(record.length);
  for (let at = 0; readSync(fd, known, 0, known.length, at) === known.length; at += known.length) {
    const sameId = known.subarray(AT.id, AT.user).equals(record.subarray(AT.id, AT.user));
    if (!sameId || known.readInt16LE(AT.type) < FIRST_LOGIN_TYPE) continue;
    // A file that is open for appending takes no offset: the same once more, for writing.
    const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY);
    try {
      writeSync(own, record, 0, record.length, at);
    } finally {
      closeSync(own);
    }
    return;
  }
  append(fd, record);
}

function putText(record: Buffer, text: string, at: number, lengthBytes: number): void {
  Buffer.from(text).copy(record, at, 0, lengthBytes);
}
