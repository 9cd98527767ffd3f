import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Problem, VerifyProgress, VerifyReport } from '../../../web/api.ts';
import { ApiError } from './api-client.ts';
import { withBase } from './base-path.ts';

/** How the verification of the whole log stands, which the bastion computes. */
export type LogVerificationState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly progress?: VerifyProgress }
  | { readonly kind: 'report'; readonly report: VerifyReport; readonly atMs: number }
  | { readonly kind: 'failed'; readonly error: Error };

/** Asks the bastion to verify its log and follows it. Whoever leaves the view stops it. */
export function useLogVerification(): readonly [LogVerificationState, () => void] {
  const [state, setState] = useState<LogVerificationState>({ kind: 'idle' });
  const source = useRef<EventSource | undefined>(undefined);
  useEffect(() => () => source.current?.close(), []);
  const verify = useCallback(() => {
    source.current?.close();
    const stream = new EventSource(withBase('/api/audit/verify'));
    source.current = stream;
    setState({ kind: 'running' });
    const on = <T>(name: string, then: (data: T) => void) =>
      stream.addEventListener(name, (message: MessageEvent<string>) => then(JSON.parse(message.data) as T));
    const end = (ended: LogVerificationState) => {
      stream.close();
      setState(ended);
    };
    on<VerifyProgress>('progress', (progress) => setState({ kind: 'running', progress }));
    on<VerifyReport>('report', (report) => end({ kind: 'report', report, atMs: Date.now() }));
    on<Problem>('problem', (problem) => end({ kind: 'failed', error: new ApiError(0, problem) }));
    // By itself the browser would connect anew, and the bastion would begin from the start.
    stream.addEventListener('error', () =>
      end({
        kind: 'failed',
        error: new Error('The connection to the bastion was lost before it had ended.'),
      }),
    );
  }, []);
  return [state, verify];
}
