import type { AgeRecipient } from '../recordings/encryption/age-recipient.ts';
import { Recorder } from '../recordings/recorder.ts';
import { systemClock } from '../shared/clock.ts';

/** Begins a recording at `path` like those of sessions, of nobody in particular. */
export function startBenchRecording(
  path: string,
  options: { readonly pty: boolean; readonly encryptTo?: AgeRecipient },
): Recorder {
  const { pty, encryptTo } = options;
  return Recorder.create(
    path,
    {
      width: 80,
      height: 24,
      timestamp: Math.floor(systemClock.nowMs() / 1000),
      drawbridge: {
        session: 'bench',
        channel: 1,
        operator: 'bench',
        host: 'bench',
        login: 'bench',
        bastion: 'bench',
        kind: 'shell',
      },
    },
    { clock: systemClock, pty, ...(encryptTo === undefined ? {} : { encryptTo: [encryptTo] }) },
  );
}
