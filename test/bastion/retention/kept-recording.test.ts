import { expect, test } from 'vitest';
import { keptRecording } from '../../../bastion/retention/kept-recording.ts';
import type { RecordingSummary, SessionSummary } from '../../../bastion/service.ts';

const kept = { channel: 1, path: '/recordings/1.cast' } as RecordingSummary;
const deleted = {
  channel: 2,
  path: '/recordings/2.cast',
  deletedAt: '2030-01-02T03:04:05.000Z',
} as RecordingSummary;
const session = { id: 's_1', recordings: [kept, deleted] } as unknown as SessionSummary;
const sessions = { find: async (id: string) => (id === session.id ? session : undefined) };

test('a recording is found with its session', async () => {
  expect(await keptRecording(sessions, 's_1', 1)).toEqual({ session, recording: kept });
});

test('one that was deleted says when, and that the log knows more', async () => {
  await expect(keptRecording(sessions, 's_1', 2)).rejects.toMatchObject({
    code: 'recording.deleted',
    message: 'This recording was deleted on 2030-01-02.',
    hint: expect.stringContaining('audit log'),
  });
});

test.each([
  ['s_1', 3],
  ['s_2', 1],
])('recording of %s, channel %i, which never was, is not found', async (id, channel) => {
  await expect(keptRecording(sessions, id, channel)).rejects.toMatchObject({ code: 'recording.not_found' });
});
