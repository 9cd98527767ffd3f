import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { KnownRecording } from '../../../cli/archive/known-recordings.ts';
import { checkRecording } from '../../../cli/archive/recording-stream-check.ts';
import { gzipMember } from '../../../recordings/gzip-members.ts';
import { FaultList } from '../../../shared/audit/fault-list.ts';

async function* piecesOf(bytes: Buffer, onRead: () => void): AsyncGenerator<Buffer> {
  onRead();
  yield bytes;
}

it('unpacks nothing of a compressed recording whose size the log does not say', async () => {
  const content = Buffer.alloc(1024 * 1024, 'x');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const check = async (known: Omit<KnownRecording, 'path'>, name = 'recordings/a.cast.gz') => {
    const faults = new FaultList();
    let reads = 0;
    const bytes = name.endsWith('.gz') ? gzipMember(content) : content;
    const result = await checkRecording(
      piecesOf(bytes, () => {
        reads += 1;
      }),
      { path: 'a.cast', ...known },
      name,
      faults,
    );
    return { result, reads, fault: faults.first?.text };
  };
  const sized = { closed: { sha256, sizeBytes: content.length, seq: 3 }, grown: [] };
  expect(await check(sized)).toEqual({ result: 'fits', reads: 1, fault: undefined });
  const unsized = { closed: { sha256, sizeBytes: undefined, seq: 3 }, grown: [] };
  const fault = expect.stringContaining('the log does not say how large it is');
  expect(await check(unsized)).toEqual({ result: 'faulty', reads: 0, fault });
  // One that grew is never compressed.
  const growing = { grown: [{ sizeBytes: content.length, sha256, seq: 2 }] };
  expect(await check(growing)).toEqual({ result: 'faulty', reads: 0, fault });
  expect(await check(unsized, 'recordings/a.cast')).toMatchObject({ result: 'fits' });
});
