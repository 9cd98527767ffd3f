import { useState } from 'preact/hooks';
import type { AuditEntry, AuditProof, Recording } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { usePage } from '../data/context.ts';
import { type KeyMemory, rememberKey } from '../data/key-memory.ts';
import { EvidenceFault, type VerifiedRecording, verifyRecording } from '../data/verify-recording.ts';
import { Icon } from '../ui/icon.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { useAction } from '../ui/use-action.ts';

interface VerificationProps {
  readonly sessionId: string;
  readonly recording: Recording;
  readonly events: readonly AuditEntry[];
}

type Verdict =
  | { readonly kind: 'whole'; readonly found: VerifiedRecording; readonly memory: KeyMemory }
  | { readonly kind: 'fault'; readonly message: string };

/** Whether the recording is what was recorded: found out in this browser, not told by the bastion. */
export function Verification({ sessionId, recording, events }: VerificationProps) {
  const { api } = usePage();
  const [verdict, setVerdict] = useState<Verdict | undefined>(undefined);
  const closed = events.find(
    (event) => event.type === 'recording.closed' && event['channel'] === recording.channel,
  );
  const verify = useAction(async () => {
    if (closed === undefined) return;
    const file = withQuery(`/api/sessions/${encodeURIComponent(sessionId)}/recording`, {
      channel: recording.channel,
    });
    const proof = await api.get<AuditProof>(`/api/audit/${closed.seq}/proof`);
    const bytes = await api.bytes(file, new AbortController().signal);
    try {
      const found = await verifyRecording(new Uint8Array(bytes), closed, proof);
      setVerdict({ kind: 'whole', found, memory: rememberKey(found.key) });
    } catch (error) {
      if (!(error instanceof EvidenceFault)) throw error;
      setVerdict({ kind: 'fault', message: error.message });
    }
  });
  return (
    <section class="verification" aria-label="Verification">
      {verdict === undefined ? (
        <Unverified recording={recording} canVerify={closed !== undefined} verify={verify} />
      ) : (
        <Shown verdict={verdict} />
      )}
      {verify.error !== undefined && <ErrorNote error={verify.error} retry={() => verify.run()} />}
    </section>
  );
}

interface UnverifiedProps {
  readonly recording: Recording;
  readonly canVerify: boolean;
  readonly verify: { readonly running: boolean; run(): void };
}

function Unverified({ recording, canVerify, verify }: UnverifiedProps) {
  return (
    <p class="muted digest">
      {canVerify && (
        <button type="button" class="small" disabled={verify.running} onClick={() => verify.run()}>
          <Icon name="shield" />
          {verify.running ? 'Verifying…' : 'Verify in this browser'}
        </button>
      )}
      {recording.sha256 !== undefined && (
        <span>
          SHA-256 <code>{recording.sha256}</code>
        </span>
      )}
    </p>
  );
}

function Shown({ verdict }: { verdict: Verdict }) {
  if (verdict.kind === 'fault') {
    return (
      <div class="note note-bad" role="alert">
        <Icon name="alert" />
        <span>
          <strong>Not what was recorded.</strong> {verdict.message} Keep what is there, and compare with your
          last export (drawbridge audit verify).
        </span>
      </div>
    );
  }
  const { found, memory } = verdict;
  return (
    <>
      <div class="note note-good" role="status">
        <Icon name="shield" />
        <span>
          <strong>Verified in this browser.</strong> These are the bytes that event {found.seq} of the audit
          log names, and a checkpoint over {found.size.toLocaleString()} events, signed by the bastion, covers
          it.
        </span>
      </div>
      {memory === 'changed' && (
        <div class="note note-warn" role="alert">
          <Icon name="alert" />
          <span>
            The bastion signs with another key than when this browser saw it first. Compare its fingerprint
            under Settings with what you know.
          </span>
        </div>
      )}
      <p class="muted digest">
        SHA-256 <code>{found.sha256}</code>
      </p>
    </>
  );
}
