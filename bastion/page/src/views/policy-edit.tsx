import { useRef, useState } from 'preact/hooks';
import type { Policy } from '../../../web/api.ts';
import { ApiError } from '../data/api-client.ts';
import { mayAdminister, usePage } from '../data/context.ts';
import { useLocation } from '../router.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { Icon } from '../ui/icon.tsx';
import { NoteField, withNote } from '../ui/note-field.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { useAction } from '../ui/use-action.ts';
import { PolicyFaults } from './policy-faults.tsx';

/** The longest policy that the bastion takes. */
const TEXT_LIMIT_CHARACTERS = 262_144;

interface PolicyEditProps {
  readonly inForce: Policy;
  readonly onChanged: (policy: Policy) => void;
}

/** A policy that is not in force: checked by anybody, put in force by administrators. */
export function PolicyEdit({ inForce, onChanged }: PolicyEditProps) {
  const { api, me } = usePage();
  // What was read first is what the change is made to, whatever others apply meanwhile.
  const [base] = useState(inForce);
  const [text, setText] = useState(inForce.text);
  const [checked, setChecked] = useState<string | undefined>(undefined);
  const [applying, setApplying] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const check = useAction(async () => {
    setChecked(undefined);
    await api.send('POST', '/api/policy/check', { body: { text } });
    setChecked(text);
  });
  const isSame = text === base.text;
  return (
    <div class="policy-edit">
      {inForce.version !== base.version && (
        <p class="note note-warn" role="status">
          <Icon name="alert" />
          <span>
            Version {inForce.version} is in force by now, and this is based on version {base.version}. Copy
            what you wrote, and open this view anew.
          </span>
        </p>
      )}
      <label>
        Policy as YAML
        <textarea
          ref={field}
          class="policy-field"
          rows={22}
          spellcheck={false}
          autocapitalize="none"
          maxLength={TEXT_LIMIT_CHARACTERS}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      {check.error instanceof ApiError && check.error.code === 'policy.invalid' ? (
        <PolicyFaults message={check.error.message} field={field} />
      ) : (
        check.error !== undefined && <ErrorNote error={check.error} />
      )}
      <p class="policy-checked" role="status">
        {checked === text && check.error === undefined && (
          <>
            <Icon name="check" /> No faults. It is not in force yet.
          </>
        )}
      </p>
      <div class="dialog-buttons">
        <button type="button" disabled={check.running} onClick={() => check.run()}>
          Check
        </button>
        {mayAdminister(me) && (
          <button
            type="button"
            class="primary"
            disabled={isSame || checked !== text}
            title={isSame ? 'Nothing is changed' : checked === text ? undefined : 'Check it first'}
            onClick={() => setApplying(true)}
          >
            Put in force…
          </button>
        )}
      </div>
      {applying && (
        <ApplyDialog base={base} text={text} onClose={() => setApplying(false)} onChanged={onChanged} />
      )}
    </div>
  );
}

interface ApplyDialogProps {
  readonly base: Policy;
  readonly text: string;
  readonly onClose: () => void;
  readonly onChanged: (policy: Policy) => void;
}

function ApplyDialog({ base, text, onClose, onChanged }: ApplyDialogProps) {
  const { api } = usePage();
  const { go } = useLocation();
  const [message, setMessage] = useState('');
  const apply = useAction(async () => {
    const why = withNote('message', message);
    const body = { text, expectedVersion: base.version, ...why };
    onChanged(await api.send<Policy>('PUT', '/api/policy', { body }));
    go(`/policy/history?from=${base.version}`);
  });
  return (
    <FormDialog
      title="Put this policy in force?"
      action={apply}
      submit="Put in force"
      cancel="Not yet"
      onClose={onClose}
    >
      <p>
        It counts at once, in place of version {base.version}. Live sessions that it no longer allows end.
      </p>
      <NoteField
        label="Why"
        hint="optional, for the history"
        name="message"
        value={message}
        onInput={setMessage}
      />
    </FormDialog>
  );
}
