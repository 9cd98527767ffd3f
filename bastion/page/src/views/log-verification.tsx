import type { VerifyReport } from '../../../web/api.ts';
import type { LogVerificationState } from '../data/use-log-verification.ts';
import { countWords } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';

interface LogVerificationProps {
  readonly state: LogVerificationState;
  readonly verify: () => void;
}

/** What the bastion finds when it verifies its own log, and that it is the bastion that says so. */
export function LogVerification({ state, verify }: LogVerificationProps) {
  switch (state.kind) {
    case 'idle':
      return null;
    case 'failed':
      return <ErrorNote error={state.error} retry={verify} />;
    case 'running':
      return <Running events={state.progress?.events ?? 0} of={state.progress?.of} />;
    case 'report':
      return <Report report={state.report} atMs={state.atMs} />;
  }
}

function Running({ events, of }: { events: number; of: number | undefined }) {
  return (
    <div class="card log-verification" role="status">
      <p>The bastion verifies its log…</p>
      <progress aria-label="Events verified" value={of === undefined ? undefined : events} max={of ?? 1} />
      {of !== undefined && (
        <p class="muted figures">
          {events.toLocaleString()} of {countWords(of, 'event')}
        </p>
      )}
    </div>
  );
}

function Report({ report, atMs }: { report: VerifyReport; atMs: number }) {
  return (
    <div class="card log-verification">
      <div class={`note ${report.ok ? 'note-good' : 'note-bad'}`} role={report.ok ? 'status' : 'alert'}>
        <Icon name={report.ok ? 'shield' : 'alert'} />
        <span>
          <strong>{report.ok ? 'The log is whole.' : 'The log is not whole.'}</strong>{' '}
          {report.ok
            ? `${countWords(report.events, 'event')} and ${countWords(report.checkpoints, 'signed checkpoint')} fit.`
            : 'Keep everything as it is, and find out who could write to the data directory.'}
        </span>
      </div>
      <ul class="verify-lines">
        {report.lines.map(({ ok, text }) => (
          <li key={text} class={ok ? undefined : 'is-fault'}>
            {text}
          </li>
        ))}
      </ul>
      <p class="muted">
        Computed by the bastion itself, <Moment at={new Date(atMs).toISOString()} />, without the recordings.
        Whoever does not want to take its word exports the log and verifies it on another machine with{' '}
        <code>drawbridge audit verify</code>.
      </p>
    </div>
  );
}
