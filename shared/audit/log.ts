import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import type { Logger } from '../log.ts';
import { Database } from '../store/database.ts';
import { AUDIT_MIGRATIONS, auditFilePath, damaged, eventOfRow } from './audit-file.ts';
import { GENESIS_HASH, hashEvent } from './chain.ts';
import type {
  AuditEvent,
  AuditEventInput,
  AuditQuery,
  AuditSearchResult,
  AuditSink,
  AuditSource,
} from './event.ts';
import { type EndDifference, endDifference, keysOf, type SignedEnd } from './log-end.ts';
import { leafHash, MerkleFrontier } from './merkle.ts';
import { AuditReader } from './reader.ts';
import { enterRotations } from './rotations.ts';
import { storableEvent } from './storable.ts';
import { TreeHashes } from './tree-hashes.ts';
import { AuditWriter, type Head, unavailable } from './writer.ts';

/** A checkpoint as it is in the log. */
export interface StoredCheckpoint {
  /** The signed note (C2SP tlog-checkpoint). */
  readonly note: string;
  /** Number of events that it covers. */
  readonly size: number;
  /** Root hash, base64. */
  readonly root: string;
  /** ISO time of signing. */
  readonly time: string;
}

/** The audit log of a role: `audit.db` in its data directory, hash-linked, with signed checkpoints in it. */
export class AuditLog implements AuditSink, AuditSource {
  readonly #db: Database;
  readonly #reader: AuditReader;
  readonly #writer: AuditWriter;
  readonly #listeners: Set<(event: AuditEvent) => void>;
  readonly #treeHashes: TreeHashes;
  /** Appends that were given an id by the caller and are not stored yet. */
  readonly #byId = new Map<string, Promise<AuditEvent>>();

  private constructor(parts: {
    db: Database;
    reader: AuditReader;
    writer: AuditWriter;
    listeners: Set<(event: AuditEvent) => void>;
  }) {
    this.#db = parts.db;
    this.#reader = parts.reader;
    this.#writer = parts.writer;
    this.#listeners = parts.listeners;
    this.#treeHashes = new TreeHashes((end, start) => parts.reader.rows(end, start));
  }

  /**
   * Opens the log in `dataDir` (made if it is missing) for writing; one process at a time may. All events are read
   * once, to rebuild the tree. Where the log does not end as its writer left it, that is entered first, and signed: so the
   * log says it from then on. Keys that the role has got since it was last opened are entered before one of them signs.
   * @throws `audit.damaged` when an event is missing or the log does not fit its last checkpoint; `store.*`
   */
  static async open(
    dataDir: string,
    options: { readonly identity: NodeIdentity; readonly clock: Clock; readonly log: Logger },
  ): Promise<AuditLog> {
    const { identity, clock } = options;
    const db = await Database.open(auditFilePath(dataDir), {
      migrations: AUDIT_MIGRATIONS,
      synchronous: 'FULL',
    });
    let reader: AuditReader | undefined;
    try {
      reader = await AuditReader.open(dataDir);
      const listeners = new Set<(event: AuditEvent) => void>();
      const head = await rebuild(reader);
      const onStored = (event: AuditEvent) => notify(listeners, event, options.log);
      const difference = await differenceOf(reader, identity);
      const writer = new AuditWriter({ db, identity, clock, head, onStored });
      const log = new AuditLog({ db, reader, writer, listeners });
      if (difference !== undefined) await log.append(differenceEvent(difference));
      // Signed at once, so that whoever asks for the last checkpoint gets one of the new key.
      if ((await enterRotations(log, identity)) || difference !== undefined) await log.checkpoint();
      return log;
    } catch (error) {
      await reader?.close();
      await db.close();
      throw error;
    }
  }

  /** Opens the log for reading, also while another process writes it. @throws `store.*` */
  static openReadOnly(dataDir: string): Promise<AuditReader> {
    return AuditReader.open(dataDir);
  }

  /**
   * Stores an event. It may bring an `id` of its own (a UUID): appending the same id again gives back the event that
   * is stored, so that a caller who does not know how an append ended can repeat it.
   * @throws `audit.unavailable`, `audit.too_large`
   */
  async append(event: AuditEventInput): Promise<AuditEvent> {
    if (event.type === 'checkpoint.signed') throw new Error('checkpoints are made by checkpoint()');
    const draft = { kind: 'event', input: storableEvent(event) } as const;
    const { id } = draft.input;
    return typeof id === 'string'
      ? this.#appendOnce(id, () => this.#writer.append(draft))
      : this.#writer.append(draft);
  }

  /**
   * Signs the tree head over all events stored so far and stores it as the next event. When nothing has happened
   * since the last one, that one is given back.
   * @throws `audit.unavailable`
   */
  async checkpoint(): Promise<StoredCheckpoint> {
    return checkpointOf(await this.#writer.append({ kind: 'checkpoint' }));
  }

  async lastCheckpoint(): Promise<StoredCheckpoint | undefined> {
    const event = await this.#reader.last('checkpoint.signed');
    return event === undefined ? undefined : checkpointOf(event);
  }

  /**
   * Proof that the log's first `from` events are the first of its first `to` (RFC 9162, 2.1.4.1).
   * @throws RangeError unless `from` is at most `to`; `store.*`, `audit.damaged`
   */
  consistencyProof(from: number, to: number): Promise<readonly Buffer[]> {
    return this.#treeHashes.consistencyProof(from, to);
  }

  /**
   * Proof that an event is among the first `size` (RFC 9162, 2.1.3.1).
   * @throws RangeError unless there are so many and the event is one of them; `store.*`, `audit.damaged`
   */
  inclusionProof(seq: number, size: number): Promise<readonly Buffer[]> {
    return this.#treeHashes.inclusionProof(seq - 1, size);
  }

  query(query: AuditQuery): Promise<readonly AuditEvent[]> {
    return this.#reader.query(query);
  }

  /** See {@link AuditReader.search}. */
  search(text: string, query: AuditQuery): Promise<AuditSearchResult> {
    return this.#reader.search(text, query);
  }

  /** See {@link AuditReader.signedEnd}. */
  signedEnd(): Promise<{ readonly foundSeq: number; readonly signed?: SignedEnd }> {
    return this.#reader.signedEnd();
  }

  all(): AsyncIterable<AuditEvent> {
    return this.#reader.all();
  }

  head(): Promise<{ readonly seq: number; readonly hash: string }> {
    return Promise.resolve(this.#writer.head);
  }

  /** A listener that throws is logged; it keeps nobody else from hearing. */
  subscribe(listener: (event: AuditEvent) => void): () => void {
    // Wrapped, so that subscribing one function twice makes two subscriptions.
    const subscription = (event: AuditEvent) => listener(event);
    this.#listeners.add(subscription);
    return () => this.#listeners.delete(subscription);
  }

  /** Stores what is waiting, then closes. */
  async close(): Promise<void> {
    await this.#writer.close();
    this.#listeners.clear();
    await this.#reader.close();
    await this.#db.close();
  }

  async #appendOnce(id: string, append: () => Promise<AuditEvent>): Promise<AuditEvent> {
    const underWay = this.#byId.get(id);
    if (underWay !== undefined) return underWay;
    const once = this.#findStored(id).then((stored) => stored ?? append());
    this.#byId.set(id, once);
    try {
      return await once;
    } finally {
      this.#byId.delete(id);
    }
  }

  async #findStored(id: string): Promise<AuditEvent | undefined> {
    try {
      return await this.#reader.find(id);
    } catch (error) {
      throw unavailable('it can not be read', error);
    }
  }
}

async function rebuild(reader: AuditReader): Promise<Head> {
  const last = await reader.last();
  const checkpoint = await reader.last('checkpoint.signed');
  const tree = new MerkleFrontier();
  for await (const row of reader.rows(last?.seq ?? 0)) {
    if (row.seq !== tree.size + 1) throw damaged(`event ${tree.size + 1} is missing`);
    if (row.seq === checkpoint?.seq && checkpoint['root'] !== tree.root().toString('base64')) {
      throw damaged(`the events before ${row.seq} are not those that were signed then`);
    }
    tree.append(leafHash(row.line));
    if (row.seq === last?.seq && hashEvent(eventOfRow(row)) !== last.hash) {
      throw damaged(`event ${row.seq} was changed after it was stored`);
    }
  }
  return { seq: last?.seq ?? 0, hash: last?.hash ?? GENESIS_HASH, tree, last };
}

async function differenceOf(reader: AuditReader, identity: NodeIdentity): Promise<EndDifference | undefined> {
  const { foundSeq, signed } = await reader.signedEnd();
  return endDifference({
    id: identity.id,
    keys: await keysOf(identity),
    foundSeq,
    signed,
    hashAtSigned: signed === undefined ? undefined : (await reader.at(signed.seq))?.hash,
    mustBeSigned: signed === undefined && (await reader.saysItsEndIsSigned()),
  });
}

function differenceEvent({ finding, text, signedSeq, foundSeq }: EndDifference): AuditEventInput {
  return {
    type: 'audit.end_differed',
    actor: 'system',
    finding,
    foundSeq,
    ...(signedSeq === undefined ? {} : { signedSeq }),
    message: text,
  };
}

function checkpointOf(event: AuditEvent): StoredCheckpoint {
  const { note, size, root, time } = event;
  if (typeof note !== 'string' || typeof size !== 'number' || typeof root !== 'string') {
    throw damaged(`event ${event.seq} is not a checkpoint`);
  }
  return { note, size, root, time };
}

function notify(listeners: Iterable<(event: AuditEvent) => void>, event: AuditEvent, log: Logger): void {
  for (const listener of listeners) {
    try {
      listener(event);
    } catch (error) {
      log.error({ error: messageOf(error), seq: event.seq }, 'a listener of the audit log failed');
    }
  }
}
