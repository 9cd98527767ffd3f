import { parentPort } from 'node:worker_threads';
import { DrawbridgeError, messageOf, systemCodeOf } from '../../shared/errors.ts';
import { compressRecording } from '../compress.ts';
import { indexRecording } from './index-recording.ts';
import type { WorkerAnswer, WorkerRequest } from './worker-messages.ts';

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

if (parentPort !== null) serve(parentPort);
