import { useCallback, useEffect, useState } from 'preact/hooks';
import type { Recording } from '../../../web/api.ts';
import { type Checked, checkRecording } from '../data/check-recording.ts';
import { usePage } from '../data/context.ts';
import { Icon } from '../ui/icon.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { Verdict } from './verdict.tsx';

interface VerificationProps {
  readonly sessionId: string;
  readonly recording: Recording;
}

/** Larger recordings are fetched for it only when somebody asks. */
const BY_ITSELF_LIMIT_BYTES = 2 * 1024 * 1024;

type State = { readonly kind: 'idle' | 'running' } | Checked | Error;

/** Whether the recording is what was recorded: found out in this browser, not told by the bastion. */
export function Verification({ sessionId, recording }: VerificationProps) {
  const { api, updates } = usePage();
  const { channel, sizeBytes, sha256 } = recording;
  const [state, setState] = useState<State>({ kind: 'idle' });
  const [asked, setAsked] = useState(0);
  const verify = useCallback(() => setAsked((count) => count + 1), []);
  const byItself = sha256 !== undefined && sizeBytes <= BY_ITSELF_LIMIT_BYTES;
  const isWaiting = !(state instanceof Error) && state.kind === 'unsealed';

  useEffect(() => {
    if (!byItself && asked === 0) return;
    const controller = new AbortController();
    setState({ kind: 'running' });
    checkRecording(api, { sessionId, channel }, controller.signal).then(setState, (error: Error) => {
      if (!controller.signal.aborted) setState(error);
    });
    return () => controller.abort();
  }, [api, sessionId, channel, sha256, byItself, asked]);

  useEffect(() => {
    if (!isWaiting) return;
    return updates.onEvent(({ type }) => {
      if (type === 'checkpoint.signed') verify();
    });
  }, [updates, isWaiting, verify]);

  if (sha256 === undefined) return null;
  return (
    <section class="verification" aria-label="Verification">
      <Found state={state} verify={verify} />
      <p class="muted digest">
        SHA-256 <code>{sha256}</code>
      </p>
    </section>
  );
}

function Found({ state, verify }: { state: State; verify: () => void }) {
  if (state instanceof Error) return <ErrorNote error={state} retry={verify} />;
  switch (state.kind) {
    case 'idle':
      return (
        <button type="button" class="small" onClick={verify}>
          <Icon name="shield" />
          Verify in this browser
        </button>
      );
    case 'running':
      return (
        <p class="muted" role="status">
          Verifying in this browser…
        </p>
      );
    case 'unnamed':
      return <p class="muted">The audit log names no digest of it, so it can not be verified.</p>;
    case 'unsealed':
      return (
        <p class="muted" role="status">
          Verified as soon as the next checkpoint is signed.
        </p>
      );
    default:
      return <Verdict checked={state} />;
  }
}
