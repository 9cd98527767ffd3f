import type { IndexSegment, Keyframe } from '../../recordings/indexing/index-format.ts';
import type { Pause } from '../../recordings/pauses.ts';
import type { Database } from '../../shared/store/database.ts';

/** Enters a keyframe, and what is known of the segment that begins there. */
export async function insertKeyframe(
  db: Database,
  recording: number,
  number: number,
  keyframe: Keyframe,
  rest: {
    readonly endBytes: number;
    readonly endS: number;
    readonly screen: Uint8Array;
    readonly pauses: readonly Pause[];
  },
): Promise<void> {
  const { startS, offsetBytes, cols, rows } = keyframe;
  await db.run('INSERT INTO keyframes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', [
    recording,
    number,
    startS,
    offsetBytes,
    rest.endBytes,
    rest.endS,
    cols,
    rows,
    rest.screen,
    JSON.stringify(rest.pauses),
  ]);
}

/** Enters what was marked and typed in a segment. */
export async function insertMoments(
  db: Database,
  recording: number,
  number: number,
  { markers, commands }: Pick<IndexSegment, 'markers' | 'commands'>,
): Promise<void> {
  for (const [timeS, label] of markers) {
    await db.run('INSERT INTO markers VALUES (?, ?, ?)', [recording, timeS, label]);
  }
  for (const [timeS, text] of commands) {
    await db.run('INSERT INTO commands VALUES (?, ?, ?, ?)', [recording, number, timeS, text]);
  }
}

/** Forgets a segment, which is stored anew: a recording that grows has more in its last one each time. */
export async function deleteSegment(db: Database, recording: number, number: number): Promise<void> {
  const own = 'SELECT id FROM chunks WHERE recording = ? AND segment = ?';
  await db.run(`DELETE FROM screen_text WHERE rowid IN (${own})`, [recording, number]);
  await db.run('DELETE FROM chunks WHERE recording = ? AND segment = ?', [recording, number]);
  await db.run('DELETE FROM commands WHERE recording = ? AND segment = ?', [recording, number]);
  await db.run(
    `DELETE FROM markers WHERE recording = ?1 AND time_s >=
       (SELECT start_s FROM keyframes WHERE recording = ?1 AND number = ?2)`,
    [recording, number],
  );
  await db.run('DELETE FROM keyframes WHERE recording = ? AND number = ?', [recording, number]);
}
