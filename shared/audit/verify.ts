import { messageOf } from '../errors.ts';
import type { PublicJwk } from '../identity/keys.ts';
import { isAuditEvent } from './audit-file.ts';
import { ChainCheck } from './chain-check.ts';
import { CheckpointCheck } from './checkpoint-check.ts';
import { type EndAsStored, EndCheck } from './end-check.ts';
import type { AuditEvent } from './event.ts';
import { type Fault, FaultList } from './fault-list.ts';
import { RecordingCheck } from './recording-check.ts';
import { SigningKeys } from './signing-keys.ts';

/** What {@link verifyAudit} found. */
export interface VerifyReport {
  readonly ok: boolean;
  /** Number of events that were looked at. */
  readonly events: number;
  /** Hash of the last event. */
  readonly head: string;
  /** Number of checkpoints that fit. */
  readonly checkpoints: number;
  /** Events behind the last checkpoint that fits, besides itself: nobody has signed them yet. */
  readonly unsigned: number;
  /** Number of recordings that have the digest that the log gives. */
  readonly recordings: number;
  /** A line per check and per fault, for people. */
  readonly lines: { readonly ok: boolean; readonly text: string }[];
  readonly firstFault?: Fault;
}

/** What is to be verified. */
export interface VerifyInput {
  /** The log from its first event on, as stored or as exported. */
  readonly events: AsyncIterable<AuditEvent>;
  /** Checkpoint notes that were kept elsewhere. One that is later than the log's end shows that the end is missing. */
  readonly checkpoints: readonly string[];
  /** The identity key of the role whose log it is: its first one, or a later one together with `successions`. */
  readonly publicJwk: PublicJwk;
  /** How the role's first key came to `publicJwk`, as its identity has them. Later ones are in the log itself. */
  readonly successions?: readonly string[];
  /** How the log ends as it lies there, where it is looked at in its own file. */
  readonly end?: EndAsStored;
  /** SHA-256 (hex) of a recording, by the `path` in its `recording.closed` event; `undefined` when it is not there. */
  recordings?(path: string): Promise<string | undefined>;
}

/**
 * Verifies a log with nothing but a public key: every event unchanged and linked to the one before it, every signed
 * checkpoint fitting the events before it, every recording fitting its digest. Reads the events once and holds none.
 * It reports and does not throw, whatever the events are.
 */
export async function verifyAudit(input: VerifyInput): Promise<VerifyReport> {
  const faults = new FaultList();
  const chain = new ChainCheck(faults);
  const keys = await SigningKeys.of(input.publicJwk, input.successions ?? []);
  const checkpoints = new CheckpointCheck(keys, input.checkpoints, faults);
  const recordings = new RecordingCheck(input.recordings, faults);
  const end = new EndCheck(faults, input.end);
  try {
    for await (const event of input.events) {
      if (!isAuditEvent(event)) {
        chain.skipUnreadable();
        continue;
      }
      const line = chain.take(event);
      if (line === undefined) continue;
      await checkpoints.take(event, line, chain.isWhole);
      await recordings.take(event);
      end.take(event);
    }
  } catch (error) {
    faults.add({ seq: chain.events + 1, text: `after event ${chain.events}: ${messageOf(error)}` });
  }
  recordings.finish();
  checkpoints.finish(chain.isWhole);
  end.finish();
  const lines = [
    chain.summary(),
    checkpoints.summary(end.isSigned),
    recordings.summary(checkpoints.coveredEvents),
    ...faults.lines(),
  ];
  const { first } = faults;
  return {
    ok: first === undefined,
    events: chain.events,
    head: chain.head,
    checkpoints: checkpoints.fitting,
    unsigned: Math.max(checkpoints.uncovered - 1, 0),
    recordings: recordings.fitting,
    lines: lines.filter((line) => line !== undefined),
    ...(first === undefined ? {} : { firstFault: first }),
  };
}
