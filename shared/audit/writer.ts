import { randomBytes } from 'node:crypto';
import { type Clock, isoTime } from '../clock.ts';
import { DrawbridgeError, isDrawbridgeError } from '../errors.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import type { Database } from '../store/database.ts';
import { type EventRow, eventOfRow } from './audit-file.ts';
import { GENESIS_HASH, hashEvent, lineOf } from './chain.ts';
import { signCheckpoint } from './checkpoint-note.ts';
import type { AuditEvent, AuditEventInput } from './event.ts';
import { END_SIGNED_FIELD, signEnd } from './log-end.ts';
import { leafHash, type MerkleFrontier } from './merkle.ts';

/** Appends that may wait at once; more are refused rather than held in memory. */
export const WAITING_LIMIT = 10_000;
/** Events that are stored by one statement. */
const GROUP_EVENTS = 512;
/** A group is closed when its lines are this large together. */
const GROUP_BYTES = 4 * 1024 * 1024;
/** Largest line of one event. */
export const EVENT_LIMIT_BYTES = 256 * 1024;

/** What is to be appended: an event, or a checkpoint over everything before it, unless that is one already. */
export type Draft =
  | { readonly kind: 'event'; readonly input: AuditEventInput }
  | { readonly kind: 'checkpoint' };

interface Waiting {
  readonly draft: Draft;
  resolve(event: AuditEvent): void;
  reject(error: DrawbridgeError): void;
}

interface Sealed {
  readonly waiting: Waiting;
  readonly event: AuditEvent;
  readonly line: string;
}

interface Group {
  readonly sealed: readonly Sealed[];
  readonly firstSeq: number;
  readonly head: Head;
}

/** Where the log ends. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
  readonly tree: MerkleFrontier;
  readonly last: AuditEvent | undefined;
}

/**
 * The one writer of a log. What is asked for while a group is being stored forms the next group; each group is one
 * statement, so that it is stored as a whole, with the signature over the log's end, and costs one fsync. Nobody is answered before that.
 */
export class AuditWriter {
  readonly #db: Pick<Database, 'run' | 'get'>;
  readonly #identity: NodeIdentity;
  readonly #clock: Clock;
  readonly #onStored: (event: AuditEvent) => void;
  #waiting: Waiting[] = [];
  #head: Head;
  /** A group whose statement failed in a way that leaves open whether it was stored. */
  #uncertain: Group | undefined;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: {
    readonly db: Pick<Database, 'run' | 'get'>;
    readonly identity: NodeIdentity;
    readonly clock: Clock;
    readonly head: Head;
    /** Called for each stored event, in order. Must not throw. */
    onStored(event: AuditEvent): void;
  }) {
    this.#db = options.db;
    this.#identity = options.identity;
    this.#clock = options.clock;
    this.#head = options.head;
    this.#onStored = options.onStored;
  }

  get head(): { readonly seq: number; readonly hash: string } {
    return { seq: this.#head.seq, hash: this.#head.hash };
  }

  /** @throws `audit.unavailable`, `audit.too_large` */
  append(draft: Draft): Promise<AuditEvent> {
    if (this.#closed) return Promise.reject(unavailable('the log is closed'));
    if (this.#waiting.length >= WAITING_LIMIT) {
      return Promise.reject(unavailable(`${WAITING_LIMIT} events are waiting to be stored`));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ draft, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Stores what is waiting, and takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // Lets everything that is asked for in the same turn of the event loop into the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#storeNextGroup();
    this.#running = undefined;
  }

  async #storeNextGroup(): Promise<void> {
    try {
      if (this.#uncertain !== undefined) await this.#settle(this.#uncertain);
    } catch (error) {
      this.#rejectAll(this.#waiting.splice(0), error);
      return;
    }
    const group = this.#sealGroup();
    if (group.sealed.length === 0) return;
    try {
      await this.#insert(group);
    } catch (error) {
      await this.#afterFailure(group, error);
      return;
    }
    this.#acknowledge(group);
  }

  async #insert(group: Group): Promise<void> {
    const lines = JSON.stringify(group.sealed.map(({ line }) => line));
    const { seq, hash } = group.head;
    await this.#db.run(
      'INSERT INTO stored_group (first_seq, lines, seq, hash, signature) VALUES (?, ?, ?, ?, ?)',
      [group.firstSeq, lines, seq, hash, signEnd(this.#identity, { seq, hash })],
    );
  }

  #sealGroup(): Group {
    const tree = this.#head.tree.clone();
    let { seq, hash, last } = this.#head;
    const firstSeq = seq + 1;
    const sealed: Sealed[] = [];
    for (let bytes = 0; sealed.length < GROUP_EVENTS && bytes < GROUP_BYTES; ) {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) break;
      if (waiting.draft.kind === 'checkpoint' && sealed.length === 0 && last?.type === 'checkpoint.signed') {
        waiting.resolve(last);
        continue;
      }
      const made = this.#seal(waiting, { seq, hash, tree, last });
      if (made === undefined) continue;
      last = made.event;
      ({ seq, hash } = last);
      tree.append(leafHash(made.line));
      bytes += made.line.length;
      sealed.push(made);
    }
    return { sealed, firstSeq, head: { seq, hash, tree, last } };
  }

  /** Links an event to the one before it. An event that can't be written down is refused, and only that one. */
  #seal(waiting: Waiting, before: Head): Sealed | undefined {
    try {
      const { id, ...input } = this.#contentOf(waiting.draft, before);
      const unsealed = {
        ...input,
        seq: before.seq + 1,
        id: typeof id === 'string' ? id : newEventId(this.#clock.nowMs()),
        time: isoTime(this.#clock),
        prev: before.hash,
      };
      const event: AuditEvent = { ...unsealed, hash: hashEvent(unsealed) };
      const line = lineOf(event);
      if (Buffer.byteLength(line) <= EVENT_LIMIT_BYTES) return { waiting, event, line };
      waiting.reject(
        new DrawbridgeError('audit.too_large', `An audit event may have ${EVENT_LIMIT_BYTES} bytes at most.`),
      );
    } catch (error) {
      waiting.reject(unavailable('the event can not be written as JSON', error));
    }
    return undefined;
  }

  #contentOf(draft: Draft, before: Head): AuditEventInput {
    if (draft.kind === 'event') return draft.input;
    const root = before.tree.root();
    const note = signCheckpoint(this.#identity, before.seq, root);
    return {
      type: 'checkpoint.signed',
      actor: 'system',
      size: before.seq,
      root: root.toString('base64'),
      note,
      [END_SIGNED_FIELD]: true,
    };
  }

  /** After some errors the group is stored all the same; the log itself says whether. */
  async #afterFailure(group: Group, error: unknown): Promise<void> {
    this.#uncertain = group;
    try {
      await this.#settle(group);
    } catch {
      // It stays uncertain: the next group is not begun before this is settled.
    }
    // Has no effect on those that were acknowledged.
    this.#rejectAll(
      group.sealed.map(({ waiting }) => waiting),
      error,
    );
  }

  /**
   * Finds out from the log's end whether `group` was stored.
   * @throws `audit.unavailable` when the log ends in neither way; `store.*` when it can't be read
   */
  async #settle(group: Group): Promise<void> {
    const row = await this.#db.get<EventRow>('SELECT seq, line FROM event ORDER BY seq DESC LIMIT 1');
    const last = row === undefined ? undefined : eventOfRow(row);
    const endsAt = (head: Head) =>
      (last?.seq ?? 0) === head.seq && (last?.hash ?? GENESIS_HASH) === head.hash;
    if (endsAt(group.head)) this.#acknowledge(group);
    else if (!endsAt(this.#head)) throw unavailable('somebody else has written to the log');
    this.#uncertain = undefined;
  }

  #acknowledge(group: Group): void {
    this.#head = group.head;
    for (const { waiting, event } of group.sealed) {
      waiting.resolve(event);
      this.#onStored(event);
    }
  }

  #rejectAll(waiting: readonly Waiting[], cause: unknown): void {
    const error = unavailable(reasonOf(cause), cause);
    for (const { reject } of waiting) reject(error);
  }
}

function reasonOf(cause: unknown): string {
  if (isDrawbridgeError(cause, 'audit.unavailable')) return 'somebody else has written to it';
  if (isDrawbridgeError(cause, 'store.disk_full')) return 'the disk is full';
  return 'it can not be written to';
}

/** An audit event could not be stored. */
export function unavailable(why: string, cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('audit.unavailable', `The audit log can not take events: ${why}.`, {
    hint: 'Nothing is done that is not in the audit log. See to the disk that holds the data directory.',
    cause,
  });
}

/** A UUID of version 7 (RFC 9562): its first part is the time, which keeps the index compact. */
function newEventId(nowMs: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
