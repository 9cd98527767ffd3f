import { createHash } from 'node:crypto';
import type { FaultList } from '../../shared/audit/fault-list.ts';
import { messageOf } from '../../shared/errors.ts';
import type { GrownTo, KnownRecording } from './known-recordings.ts';
import { unpackedRecording } from './packed-recording.ts';

/** What came of one recording. */
export type RecordingResult = 'fits' | 'grows' | 'faulty';

/** Compares the content of a recording, as it streams by, with what the log says about it. */
export async function checkRecording(
  content: AsyncIterable<Buffer>,
  known: KnownRecording,
  file: string,
  faults: FaultList,
): Promise<RecordingResult> {
  const hash = createHash('sha256');
  const marks = [...known.grown];
  const { closed } = known;
  let sizeBytes = 0;
  let lastFitting = 0;
  let firstWrong: GrownTo | undefined;
  const passMark = (mark: GrownTo): void => {
    const fits = hash.copy().digest('hex') === mark.sha256;
    if (fits && firstWrong === undefined) lastFitting = mark.sizeBytes;
    else if (!fits) firstWrong ??= mark;
  };
  const take = (bytes: Buffer): void => {
    let from = 0;
    for (
      let mark = marks[0];
      mark !== undefined && mark.sizeBytes <= sizeBytes + bytes.length - from;
      mark = marks[0]
    ) {
      marks.shift();
      const end = from + mark.sizeBytes - sizeBytes;
      hash.update(bytes.subarray(from, end));
      sizeBytes = mark.sizeBytes;
      from = end;
      passMark(mark);
    }
    hash.update(bytes.subarray(from));
    sizeBytes += bytes.length - from;
  };
  const report = (seq: number | undefined, offset: number, what: string): 'faulty' => {
    const event = seq === undefined ? '' : ` (event ${seq})`;
    const text = `the recording ${known.path}${event} ${what}`;
    faults.add({ ...(seq === undefined ? {} : { seq }), file, offset, text });
    return 'faulty';
  };
  const endBytes = closed?.sizeBytes;
  if (file.endsWith('.gz') && endBytes === undefined) {
    // The rest of the archive passes unread; what this would come to, nothing bounds.
    return report(
      closed?.seq,
      0,
      'is compressed, and the log does not say how large it is: it is not unpacked',
    );
  }
  try {
    for await (const bytes of plain(content, file, endBytes)) take(bytes);
  } catch (error) {
    return report(closed?.seq, sizeBytes, `can not be unpacked: ${messageOf(error)}`);
  }
  const end = closed?.sizeBytes ?? marks.at(-1)?.sizeBytes;
  const seq = closed?.seq ?? firstWrong?.seq ?? marks.at(-1)?.seq;
  if (firstWrong !== undefined) {
    return report(
      seq,
      lastFitting,
      `was changed between byte ${lastFitting} and byte ${firstWrong.sizeBytes}`,
    );
  }
  if (end !== undefined && sizeBytes < end)
    return report(seq, sizeBytes, `ends at byte ${sizeBytes} of ${end}`);
  if (closed === undefined)
    return marks.length === 0 ? 'grows' : report(seq, sizeBytes, 'is shorter than it was');
  if (closed.sizeBytes !== undefined && sizeBytes > closed.sizeBytes) {
    return report(seq, closed.sizeBytes, `goes on for ${sizeBytes - closed.sizeBytes} bytes behind its end`);
  }
  if (hash.digest('hex') === closed.sha256) return 'fits';
  return report(seq, lastFitting, `was changed behind byte ${lastFitting}, after it was closed`);
}

/** @param endBytes Where it ends, by the log: more of a compressed one is not unpacked. */
function plain(
  content: AsyncIterable<Buffer>,
  file: string,
  endBytes = Number.POSITIVE_INFINITY,
): AsyncIterable<Buffer> {
  return file.endsWith('.gz') ? unpackedRecording(content, endBytes) : content;
}
