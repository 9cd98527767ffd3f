import { statfs } from 'node:fs/promises';
import type { AuditEvent, AuditEventInput, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { isDrawbridgeError } from '../../shared/errors.ts';

const MEBIBYTE = 1024 * 1024;

/** With less free disk than this, no session is admitted: those that are live need the room for their evidence. */
export const DISK_LOW_WATER_BYTES = 64 * 1024 * 1024;

/** With less free disk than this there is a warning, and the search index takes no more room. */
export const DISK_WARNING_BYTES = 4 * DISK_LOW_WATER_BYTES;

/** A fault of the audit log is taken as lasting until an append succeeds, or for so long at most. */
const FAULT_LASTS_MS = 60_000;

/**
 * Whether evidence can be written: room on the disk, and an audit log that takes events. All appends of the bastion go
 * through it, so that it knows how the last one ended.
 */
export class EvidenceHealth implements AuditSink {
  readonly #audit: AuditSink;
  readonly #directories: readonly string[];
  readonly #clock: Clock;
  #fault: { readonly atMs: number; readonly sentence: string } | undefined;

  constructor(options: { audit: AuditSink; directories: readonly string[]; clock: Clock }) {
    this.#audit = options.audit;
    this.#directories = options.directories;
    this.#clock = options.clock;
  }

  async append(event: AuditEventInput): Promise<AuditEvent> {
    try {
      const stored = await this.#audit.append(event);
      this.#fault = undefined;
      return stored;
    } catch (error) {
      this.#fault = {
        atMs: this.#clock.monotonicMs(),
        sentence: isDrawbridgeError(error) ? error.message : 'The audit log can not be written.',
      };
      throw error;
    }
  }

  /**
   * Free bytes where evidence is written: the least of its directories. 0 when it can't be told. Looked at anew each
   * time: a look takes microseconds, and a flood fills a small disk within a second.
   */
  async diskFreeBytes(): Promise<number> {
    return Math.min(...(await Promise.all(this.#directories.map(freeBytesOf))));
  }

  /** One sentence when the disk runs low, while evidence can still be written. */
  async warning(): Promise<string | undefined> {
    const freeBytes = await this.diskFreeBytes();
    if (freeBytes >= DISK_WARNING_BYTES) return undefined;
    return `The bastion has ${Math.floor(freeBytes / MEBIBYTE)} MiB of disk left for evidence; below ${DISK_LOW_WATER_BYTES / MEBIBYTE} MiB it admits no session.`;
  }

  /** One sentence when evidence can't be written now: then no session may be admitted. */
  async problem(): Promise<string | undefined> {
    const freeBytes = await this.diskFreeBytes();
    if (freeBytes < DISK_LOW_WATER_BYTES) {
      const mebibytes = Math.floor(freeBytes / 1024 / 1024);
      return `The bastion has only ${mebibytes} MiB of disk left for evidence, and admits sessions from ${DISK_LOW_WATER_BYTES / 1024 / 1024} MiB on.`;
    }
    const fault = this.#fault;
    return fault !== undefined && this.#clock.monotonicMs() - fault.atMs < FAULT_LASTS_MS
      ? fault.sentence
      : undefined;
  }
}

/** Free bytes of the file system that `directory` is on; 0 when it can't be told. */
export async function freeBytesOf(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    // Not to know is not to have: a directory that can't be looked at takes no evidence either.
    return 0;
  }
}
