import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Problem, VerifyProgress, VerifyReport } from '../../../web/api.ts';
import { ApiError } from './api-client.ts';
import { usePage } from './context.ts';

/** How the verification of the whole log stands, which the bastion computes. */
export type LogVerificationState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly progress?: VerifyProgress }
  | { readonly kind: 'report'; readonly report: VerifyReport; readonly atMs: number }
  | { readonly kind: 'failed'; readonly error: Error };

/** Nothing is known of the log then, neither good nor bad. */
const CUT_OFF: Problem = {
  code: 'page.verification_cut_off',
  message:
    'The connection to the bastion broke before the verification was done, so it says nothing about the log.',
  hint: 'Verify again once the bastion answers.',
};

/** Asks the bastion to verify its log and follows it. Whoever leaves the view stops it. */
export function useLogVerification(): readonly [LogVerificationState, () => void] {
  const { api } = usePage();
  const [state, setState] = useState<LogVerificationState>({ kind: 'idle' });
  const running = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const verify = useCallback(() => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    setState({ kind: 'running' });
    const follow = async (): Promise<LogVerificationState> => {
      for await (const { name, data } of api.events('/api/audit/verify', controller.signal)) {
        if (name === 'progress') setState({ kind: 'running', progress: data as VerifyProgress });
        if (name === 'report') return { kind: 'report', report: data as VerifyReport, atMs: api.clock.now() };
        if (name === 'problem') return { kind: 'failed', error: new ApiError(0, data as Problem) };
      }
      return { kind: 'failed', error: new ApiError(0, CUT_OFF) };
    };
    follow().then(setState, (error: Error) => {
      if (controller.signal.aborted) return;
      setState({ kind: 'failed', error: error instanceof ApiError ? error : new ApiError(0, CUT_OFF) });
    });
  }, [api]);
  return [state, verify];
}
