import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { DrawbridgeError, messageOf, systemCodeOf } from '../../shared/errors.ts';
import { compressRecording } from '../compress.ts';
import { indexRecording } from './index-recording.ts';
import type { WorkerAnswer, WorkerRequest } from './worker-messages.ts';

/** A tenth of the weight of the thread that serves sessions: it gives way to them, and is not starved by them. */
const NICENESS = 10;

/** The thread that `RecordingWorker` starts: reads recordings and answers, and writes nothing but compressed ones. */
function serve(port: NonNullable<typeof parentPort>): void {
  let storedSegment = () => {};
  const answer = (message: WorkerAnswer): void => port.postMessage(message);
  const failed = (error: unknown): void =>
    answer({
      kind: 'failed',
      code: error instanceof DrawbridgeError ? error.code : (systemCodeOf(error) ?? 'internal'),
      message: messageOf(error),
    });
  const index = async (request: WorkerRequest & { kind: 'index' }): Promise<void> => {
    for await (const segment of indexRecording(request.path, request.range)) {
      const stored = new Promise<void>((resolve) => {
        storedSegment = resolve;
      });
      answer({ kind: 'segment', segment });
      await stored;
    }
    answer({ kind: 'indexed' });
  };
  port.on('message', (request: WorkerRequest) => {
    switch (request.kind) {
      case 'stored':
        storedSegment();
        return;
      case 'index':
        index(request).catch(failed);
        return;
      case 'compress':
        compressRecording(request.path, request.sha256)
          .then((result) => answer({ kind: 'compressed', result }))
          .catch(failed);
        return;
    }
  });
}

/** Indexing and compressing can wait; sessions can't. On Linux, and only there, this is the priority of one thread. */
function giveWayToSessions(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(NICENESS);
  } catch {
    // A sandbox may forbid even this; the work is then done at the priority that it has.
  }
}

if (parentPort !== null) {
  giveWayToSessions();
  serve(parentPort);
}
