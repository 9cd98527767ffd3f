import { useState } from 'preact/hooks';
import type { Session } from '../../../web/api.ts';
import { ApiError } from '../data/api-client.ts';
import { mayControl, usePage } from '../data/context.ts';
import { useResource } from '../data/use-resource.ts';
import { useSessionEvents } from '../data/use-session-events.ts';
import { Link } from '../router.tsx';
import { BreakableName } from '../ui/breakable-name.tsx';
import { useIsLost } from '../ui/connection-note.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { durationWords, sizeWords } from '../ui/format.ts';
import { NoteField, withNote } from '../ui/note-field.tsx';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { Elapsed, Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';
import { RecordingDesk } from './recording-desk.tsx';
import { SessionEventList } from './session-events.tsx';

/** One session: what it was, what it looked like, what was done in it. */
export function SessionView({ id }: { id: string }) {
  const session = useResource<Session>(
    `/api/sessions/${encodeURIComponent(id)}`,
    (event) => event.session === id,
  );
  const events = useSessionEvents(id);
  const isLost = useIsLost();
  if (session.data === undefined) {
    const missing = session.error instanceof ApiError && session.error.status === 404;
    return (
      <section class="view">
        <Back />
        <h1>{missing ? 'There is no such session' : 'Session'}</h1>
        {missing && (
          <p class="muted">
            The bastion knows none of this id: <code>{id}</code>. Perhaps the address was cut off.
          </p>
        )}
        {session.error === undefined && <Loading />}
        {session.error !== undefined && !missing && (
          <ErrorNote error={session.error} retry={session.reload} />
        )}
      </section>
    );
  }
  const { data } = session;
  return (
    <section class="view">
      <Back />
      <div class="view-head">
        <h1 class={isLong(data) ? 'long-names' : undefined}>
          <BreakableName name={data.operator} /> <span class="muted">on</span>{' '}
          <BreakableName name={data.host} />
        </h1>
        <StateBadge state={data.state} isOld={isLost} />
        <span class="grow" />
        {data.state === 'live' && <EndButton session={data} />}
      </div>
      {session.error !== undefined && <ErrorNote error={session.error} retry={session.reload} />}
      <SessionFacts session={data} />
      <RecordingDesk session={data} events={events.events ?? []} />
      <SessionEventList id={id} known={events} />
    </section>
  );
}

function Back() {
  return (
    <p class="back">
      <Link href="/sessions">← Sessions</Link>
    </p>
  );
}

/** Two lines of a phone. */
const HEADING_CHARACTERS = 48;

const STATE_WORDS = { live: 'Live', ended: 'Ended', interrupted: 'Interrupted' } as const;

/** What has ended stays so; whether what was live still is, nobody can say without a connection. */
function StateBadge({ state, isOld }: { state: Session['state']; isOld: boolean }) {
  if (state === 'live' && isOld) return <span class="badge badge-old">Was live, now not known</span>;
  return (
    <span class={`badge badge-${state}`}>
      <span class={`dot dot-${state}`} aria-hidden="true" />
      {STATE_WORDS[state]}
    </span>
  );
}

/** More than a heading can hold: it shows the beginning then, and the facts have the whole. */
function isLong({ operator, host }: Session): boolean {
  return operator.length + host.length > HEADING_CHARACTERS;
}

function SessionFacts({ session }: { session: Session }) {
  return (
    <dl class="facts card session-facts">
      {isLong(session) && (
        <>
          <div class="whole-name">
            <dt>Operator</dt>
            <dd>
              <BreakableName name={session.operator} />
            </dd>
          </div>
          <div class="whole-name">
            <dt>Host</dt>
            <dd>
              <BreakableName name={session.host} />
            </dd>
          </div>
        </>
      )}
      <div>
        <dt>Login</dt>
        <dd>{session.login}</dd>
      </div>
      <div>
        <dt>From</dt>
        <dd>{session.source ?? 'unknown'}</dd>
      </div>
      <div>
        <dt>Started</dt>
        <dd>
          <Moment at={session.startedAt} />
        </dd>
      </div>
      <div>
        <dt>Lasted</dt>
        <dd>
          {session.endedAt === undefined ? (
            <Elapsed since={session.startedAt} />
          ) : (
            durationWords(Date.parse(session.endedAt) - Date.parse(session.startedAt))
          )}
        </dd>
      </div>
      {session.endReason !== undefined && (
        <div>
          <dt>Ended because</dt>
          <dd>{session.endReason}</dd>
        </div>
      )}
      <div>
        <dt>Sent by the operator</dt>
        <dd>{sizeWords(session.bytesIn)}</dd>
      </div>
      <div>
        <dt>Sent by the host</dt>
        <dd>{sizeWords(session.bytesOut)}</dd>
      </div>
      <div>
        <dt>Id</dt>
        <dd>
          <code>{session.id}</code>
        </dd>
      </div>
    </dl>
  );
}

function EndButton({ session }: { session: Session }) {
  const { api, me } = usePage();
  const [asking, setAsking] = useState(false);
  const [message, setMessage] = useState('');
  const end = useAction(async () => {
    const body = withNote('message', message);
    await api.send('POST', `/api/sessions/${encodeURIComponent(session.id)}/end`, { body });
    setAsking(false);
  });
  if (!mayControl(me)) return null;
  return (
    <>
      <button type="button" class="danger" onClick={() => setAsking(true)}>
        End session…
      </button>
      {asking && (
        <FormDialog
          title="End this session?"
          action={end}
          submit="End session"
          cancel="Let them work"
          tone="danger"
          onClose={() => setAsking(false)}
        >
          <p>
            {session.operator} is cut off from {session.host} at once. Access stays as it is: they may come
            back.
          </p>
          <NoteField
            label="Message"
            hint="optional, shown in their terminal"
            name="message"
            maxLength={200}
            value={message}
            onInput={setMessage}
          />
        </FormDialog>
      )}
    </>
  );
}
