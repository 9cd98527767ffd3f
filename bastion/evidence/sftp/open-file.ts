import type { SftpPath, SftpResult, SftpTransferEvent } from './events.ts';
import { OPEN_FLAG } from './protocol.ts';
import { Transfer } from './transfer.ts';

/** A file or folder that the client has open, and what went through it. */
export class OpenFile {
  readonly path: SftpPath;
  readonly flags: number;
  #reads: Transfer | undefined;
  #writes: Transfer | undefined;
  #writesWaiting = 0;
  #writeStatus: number | undefined;
  #readStatus: number | undefined;

  constructor(path: SftpPath, flags: number) {
    this.path = path;
    this.flags = flags;
  }

  get appends(): boolean {
    return (this.flags & OPEN_FLAG.append) !== 0;
  }

  reads(): Transfer {
    this.#reads ??= new Transfer();
    return this.#reads;
  }

  writes(): Transfer {
    this.#writes ??= new Transfer();
    return this.#writes;
  }

  writeSent(): void {
    this.#writesWaiting++;
  }

  /** `status` is given when the server refused the write. */
  writeAnswered(status: number | undefined): void {
    this.#writesWaiting--;
    if (status === undefined) return;
    this.#writeStatus ??= status;
    this.#writes?.spoil();
  }

  readFailed(status: number): void {
    this.#readStatus ??= status;
  }

  /** What to say about it now that it is closed. `closed` is what the server said to that. */
  events(closed: { readonly result: SftpResult; readonly status?: number }): SftpTransferEvent[] {
    const events: SftpTransferEvent[] = [];
    const wrote = this.#writes !== undefined || (this.flags & (OPEN_FLAG.create | OPEN_FLAG.truncate)) !== 0;
    if (this.#reads !== undefined || !wrote) {
      events.push(this.#event('file.read', this.reads(), outcome(closed, this.#readStatus, 0)));
    }
    if (wrote) {
      const end = outcome(closed, this.#writeStatus, this.#writesWaiting);
      events.push(this.#event('file.written', this.writes(), end));
    }
    return events;
  }

  #event(
    type: 'file.read' | 'file.written',
    transfer: Transfer,
    end: { readonly result: SftpResult; readonly status?: number },
  ): SftpTransferEvent {
    return {
      type,
      action: type === 'file.read' ? 'read' : 'write',
      ...this.path,
      ...end,
      ...transfer.result(),
      ...(type === 'file.written' && this.appends ? { append: true } : {}),
    };
  }
}

function outcome(
  closed: { readonly result: SftpResult; readonly status?: number },
  failure: number | undefined,
  waiting: number,
): { readonly result: SftpResult; readonly status?: number } {
  if (failure !== undefined) return { result: 'failed', status: failure };
  if (waiting > 0 && closed.result === 'ok') return { result: 'unfinished' };
  return closed;
}
