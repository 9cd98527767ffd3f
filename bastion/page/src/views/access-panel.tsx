import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Access, Status } from '../../../web/api.ts';
import { mayControl, usePage } from '../data/context.ts';
import { FormDialog } from '../ui/form-dialog.tsx';
import { actorWords, countWords } from '../ui/format.ts';
import { NoteField, withNote } from '../ui/note-field.tsx';
import { Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';
import { TurnOn } from './turn-on.tsx';

interface AccessPanelProps {
  readonly status: Status;
  /** The connection is lost: it was so, and may be otherwise by now. */
  readonly isOld: boolean;
  readonly onChanged: (access: Access) => void;
  /** What else matters at a glance. */
  readonly children: ComponentChildren;
}

/** The switch: how it stands, and the two ways to change it. */
export function AccessPanel({ status, isOld, onChanged, children }: AccessPanelProps) {
  const { me } = usePage();
  const [asking, setAsking] = useState<'on' | 'off' | undefined>(undefined);
  const { access } = status;
  const changed = (next: Access) => {
    setAsking(undefined);
    onChanged(next);
  };
  return (
    <section class={`access access-${isOld ? 'old' : access.state}`} aria-labelledby="access-title">
      <div class="access-words">
        <h2 id="access-title">
          <span class="dot access-dot" aria-hidden="true" />
          Remote access {isOld ? 'was' : 'is'} {access.state}
        </h2>
        <p class="access-detail">
          {access.state === 'on' && access.until !== undefined && (
            <strong>
              Turns itself off <Moment at={access.until} relative />
              {access.outsideWindows === true && ', and until then the windows of the policy do not count'}.{' '}
            </strong>
          )}
          Since <Moment at={access.since} />, by {actorWords(access.by)}
          {access.reason === undefined ? '.' : <>: “{access.reason}”</>}
        </p>
        {access.state === 'on' && access.until === undefined && (
          <p class="access-detail muted">It stays on until somebody turns it off.</p>
        )}
      </div>
      {mayControl(me) ? (
        <div class="access-buttons">
          {access.state === 'on' ? (
            <button type="button" class="danger big" onClick={() => setAsking('off')}>
              Turn off…
            </button>
          ) : (
            <button type="button" class="primary big" onClick={() => setAsking('on')}>
              Turn on…
            </button>
          )}
        </div>
      ) : (
        <p class="muted">Your role may look, not switch.</p>
      )}
      {children}
      {asking === 'off' && (
        <TurnOff live={status.liveSessions} onChanged={changed} onClose={() => setAsking(undefined)} />
      )}
      {asking === 'on' && <TurnOn onChanged={changed} onClose={() => setAsking(undefined)} />}
    </section>
  );
}

/** Off does not need to know how the switch stands: in trouble it has to work all the same. */
export function AccessUnknown({ onChanged }: { onChanged: () => void }) {
  const { me } = usePage();
  const [asking, setAsking] = useState(false);
  if (!mayControl(me)) return null;
  return (
    <section class="access" aria-labelledby="access-title">
      <div class="access-words">
        <h2 id="access-title">Whether remote access is on is not known</h2>
        <p>You can turn it off all the same.</p>
      </div>
      <div class="access-buttons">
        <button type="button" class="danger big" onClick={() => setAsking(true)}>
          Turn off…
        </button>
      </div>
      {asking && (
        <TurnOff
          live={undefined}
          onChanged={() => {
            setAsking(false);
            onChanged();
          }}
          onClose={() => setAsking(false)}
        />
      )}
    </section>
  );
}

interface ChangeProps {
  readonly onChanged: (access: Access) => void;
  readonly onClose: () => void;
}

function TurnOff({ live, onChanged, onClose }: ChangeProps & { live: number | undefined }) {
  const { api } = usePage();
  const [reason, setReason] = useState('');
  const change = useAction(async () => {
    onChanged(
      await api.send<Access>('PUT', '/api/access', { body: { state: 'off', ...withNote('reason', reason) } }),
    );
  });
  return (
    <FormDialog
      title="Turn remote access off?"
      action={change}
      submit={live ? `Turn off and cut ${countWords(live, 'session')}` : 'Turn off'}
      cancel="Leave it on"
      tone="danger"
      onClose={onClose}
    >
      <p>
        {live === undefined && (
          <>Whoever is in is cut at once. New sessions are refused until you turn it on again.</>
        )}
        {live === 0 && 'Nobody is in. New sessions are refused until you turn it on again.'}
        {live !== undefined && live > 0 && (
          <>
            <strong>{countWords(live, 'live session')}</strong> {live === 1 ? 'is' : 'are'} cut at once. New
            sessions are refused until you turn it on again.
          </>
        )}
      </p>
      <NoteField
        label="Reason"
        hint="optional, goes into the audit log"
        name="reason"
        maxLength={200}
        value={reason}
        onInput={setReason}
      />
      {change.error !== undefined && (
        <p class="muted">
          It can be turned off without this page, too: by <code>drawbridge access off</code> on the bastion's
          machine.
        </p>
      )}
    </FormDialog>
  );
}
