import { useState } from 'preact/hooks';
import type { Grant } from '../../../web/api.ts';
import { mayControl, usePage } from '../data/context.ts';
import { FormDialog } from '../ui/form-dialog.tsx';
import { actorWords } from '../ui/format.ts';
import { NoteField, withNote } from '../ui/note-field.tsx';
import { Countdown, Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';

/** Approvals that count now, with what is left of them. */
export function GrantRows({ grants, onRevoked }: { grants: readonly Grant[]; onRevoked: () => void }) {
  const { me } = usePage();
  const [revokingId, setRevokingId] = useState<string | undefined>(undefined);
  const revoking = grants.find(({ id }) => id === revokingId);
  const close = () => setRevokingId(undefined);
  return (
    <div class="rows grant-rows">
      <div class="row row-head" aria-hidden="true">
        <span>Operator</span>
        <span>Where</span>
        <span>Approved</span>
        <span>Left</span>
        <span />
      </div>
      <ul>
        {grants.map((grant) => (
          <li key={grant.id} class="row">
            <span class="strong">{grant.operator}</span>
            <span>
              <span class="muted">{grant.login}@</span>
              {grant.host}
              {grant.reason !== undefined && <span class="muted grant-reason">“{grant.reason}”</span>}
            </span>
            <span class="muted">
              by {grant.approvedBy.map(actorWords).join(', ')}, <Moment at={grant.grantedAt} />
            </span>
            <span>
              <Countdown until={grant.until} over="over" />
            </span>
            <span class="row-end">
              {mayControl(me) && (
                <button
                  type="button"
                  class="small quiet"
                  aria-label={`Take back the approval of ${grant.operator} on ${grant.host}`}
                  onClick={() => setRevokingId(grant.id)}
                >
                  Take back…
                </button>
              )}
            </span>
          </li>
        ))}
      </ul>
      {revoking !== undefined && (
        <RevokeDialog
          grant={revoking}
          onClose={close}
          onRevoked={() => {
            close();
            onRevoked();
          }}
        />
      )}
    </div>
  );
}

interface RevokeDialogProps {
  readonly grant: Grant;
  readonly onClose: () => void;
  readonly onRevoked: () => void;
}

function RevokeDialog({ grant, onClose, onRevoked }: RevokeDialogProps) {
  const { api } = usePage();
  const [message, setMessage] = useState('');
  const revoke = useAction(async () => {
    const body = withNote('message', message);
    await api.send('POST', `/api/grants/${encodeURIComponent(grant.id)}/revoke`, { body });
    onRevoked();
  });
  return (
    <FormDialog
      title="Take this approval back?"
      action={revoke}
      submit="Take back"
      cancel="Leave it"
      tone="danger"
      onClose={onClose}
    >
      <p>
        {grant.operator} has to ask again for {grant.host}. The sessions that go on by this approval end at
        once.
      </p>
      <NoteField
        label="Message"
        hint="optional, shown to the operator"
        name="message"
        value={message}
        onInput={setMessage}
      />
    </FormDialog>
  );
}
