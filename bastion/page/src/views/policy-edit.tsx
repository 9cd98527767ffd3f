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
  const { api, me, draft } = usePage();
  const [kept] = useState(() => draft.read(me.username));
  const [isRestored, setRestored] = useState(kept !== undefined);
  // What was read first is what the change is made to, whatever others apply meanwhile.
  const [baseVersion, setBaseVersion] = useState(kept?.version ?? inForce.version);
  const [text, setText] = useState(kept?.text ?? inForce.text);
  const [checked, setChecked] = useState<string | undefined>(undefined);
  const [applying, setApplying] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const check = useAction(async () => {
    setChecked(undefined);
    await api.send('POST', '/api/policy/check', { body: { text } });
    setChecked(text);
  });
  const isSame = baseVersion === inForce.version && text === inForce.text;
  const write = (next: string) => {
    setText(next);
    if (baseVersion === inForce.version && next === inForce.text) draft.drop();
    else draft.keep(me.username, { text: next, version: baseVersion });
  };
  const startAnew = () => {
    draft.drop();
    setRestored(false);
    setBaseVersion(inForce.version);
    setText(inForce.text);
    field.current?.focus();
  };
  return (
    <div class="policy-edit">
      {inForce.version !== baseVersion ? (
        <p class="note note-warn" role="status">
          <Icon name="alert" />
          <span>
            Version {inForce.version} is in force by now, and this is based on version {baseVersion}. Copy
            what you wrote, and start from the version in force.
          </span>
          <button type="button" class="small" onClick={startAnew}>
            Start anew
          </button>
        </p>
      ) : (
        isRestored && (
          <p class="note note-info" role="status">
            <Icon name="check" />
            <span>This is what you had begun to write. It is not in force.</span>
            <button type="button" class="small" onClick={startAnew}>
              Discard
            </button>
          </p>
        )
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
          onInput={(event) => write(event.currentTarget.value)}
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
      <div class="dialog-buttons in-turn">
        {/* Busy and not disabled, which would take the focus away. */}
        <button type="button" aria-busy={check.running} onClick={() => check.run()}>
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
        <ApplyDialog
          baseVersion={baseVersion}
          text={text}
          onClose={() => setApplying(false)}
          onChanged={onChanged}
        />
      )}
    </div>
  );
}

interface ApplyDialogProps {
  readonly baseVersion: number;
  readonly text: string;
  readonly onClose: () => void;
  readonly onChanged: (policy: Policy) => void;
}

function ApplyDialog({ baseVersion, text, onClose, onChanged }: ApplyDialogProps) {
  const { api, draft } = usePage();
  const { go } = useLocation();
  const [message, setMessage] = useState('');
  const apply = useAction(async () => {
    const why = withNote('message', message);
    const body = { text, expectedVersion: baseVersion, ...why };
    const inForce = await api.send<Policy>('PUT', '/api/policy', { body });
    draft.drop();
    onChanged(inForce);
    go(`/policy/history?from=${baseVersion}`);
  });
  return (
    <FormDialog
      title="Put this policy in force?"
      action={apply}
      submit="Put in force"
      cancel="Not yet"
      onClose={onClose}
    >
      <p>It counts at once, in place of version {baseVersion}. Live sessions that it no longer allows end.</p>
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
