import type { ComponentChildren } from 'preact';
import type { Session } from '../../../web/api.ts';
import { Link } from '../router.tsx';
import { BreakableName } from '../ui/breakable-name.tsx';
import { durationWords } from '../ui/format.ts';
import { Elapsed, Moment } from '../ui/time.tsx';

/** All of a few sessions. */
export function SessionRows({ sessions }: { sessions: readonly Session[] }) {
  return (
    <SessionRowsFrame>
      <SessionList sessions={sessions} />
    </SessionRowsFrame>
  );
}

/** What stands around rows of sessions. */
export function SessionRowsFrame({ children }: { children: ComponentChildren }) {
  return (
    <div class="rows session-rows">
      <div class="row row-head" aria-hidden="true">
        <span>Operator</span>
        <span>Host</span>
        <span>What</span>
        <span>Started</span>
        <span>Lasted</span>
      </div>
      {children}
    </div>
  );
}

/** Sessions as rows that lead to their details. */
export function SessionList({ sessions }: { sessions: readonly Session[] }) {
  return (
    <ul>
      {sessions.map((session) => (
        <li key={session.id}>
          <Link href={`/sessions/${encodeURIComponent(session.id)}`} class="row">
            <span class="strong">
              <SessionDot state={session.state} />
              <BreakableName name={session.operator} />
            </span>
            <span>
              <span class="muted">
                <BreakableName name={`${session.login}@`} />
              </span>
              <wbr />
              <BreakableName name={session.host} />
            </span>
            <span class="clip">
              <SessionKind session={session} />
            </span>
            <span class="muted">
              <Moment at={session.startedAt} />
            </span>
            <span class="muted">
              {session.state === 'live' ? (
                <Elapsed since={session.startedAt} />
              ) : (
                <span class="figures">{lasted(session)}</span>
              )}
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** The state as a dot with a word for those who can't see it. */
function SessionDot({ state }: { state: Session['state'] }) {
  return (
    <>
      <span class={`dot dot-${state}`} aria-hidden="true" title={state} />
      <span class="sr-only">{state}: </span>
    </>
  );
}

/** What the session is about: its first command, or a shell. */
function SessionKind({ session }: { session: Session }) {
  const [first, ...rest] = session.recordings;
  const more = rest.length === 0 ? '' : ` and ${rest.length} more`;
  if (first === undefined) {
    return <span class="muted">{session.state === 'live' ? 'nothing yet' : 'files or forwards alone'}</span>;
  }
  if (first.command !== undefined) {
    return (
      <>
        <code>{first.command}</code>
        {more}
      </>
    );
  }
  return (
    <>
      {first.kind === 'shell' ? 'Shell' : 'File transfer'}
      {more}
    </>
  );
}

function lasted(session: Session): string {
  if (session.endedAt === undefined) return '–';
  return durationWords(Date.parse(session.endedAt) - Date.parse(session.startedAt));
}
