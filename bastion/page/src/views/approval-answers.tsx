import { useState } from 'preact/hooks';
import type { ApprovalRequest } from '../../../web/api.ts';
import { usePage } from '../data/context.ts';
import { Choices } from '../ui/choices.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { lengthWords } from '../ui/format.ts';
import { NoteField, withNote } from '../ui/note-field.tsx';
import { useAction } from '../ui/use-action.ts';

const MINUTE_MS = 60_000;
/** Times that are offered, as far as the policy allows them. */
const PRESETS_MINUTES = [15, 30, 60, 120, 240, 480] as const;

interface AnswerProps {
  readonly request: ApprovalRequest;
  readonly onClose: () => void;
  readonly onAnswered: () => void;
}

/** Approves a request, for a time that the policy allows. */
export function GrantDialog({ request, onClose, onAnswered }: AnswerProps) {
  const { api } = usePage();
  const { id, operator, host, login, forMs, approversNeeded, approvedBy } = request;
  const shorter = PRESETS_MINUTES.filter((minutes) => minutes * MINUTE_MS < forMs);
  const [period, setPeriod] = useState('');
  const grant = useAction(async () => {
    const body = period === '' ? {} : { for: period };
    await api.send('POST', `/api/approvals/${encodeURIComponent(id)}/grant`, { body });
    onAnswered();
  });
  const isLast = approvedBy.length + 1 >= approversNeeded;
  const choices = [
    ...shorter.map((minutes) => ({ value: `${minutes}m`, words: lengthWords(minutes * MINUTE_MS) })),
    { value: '', words: `${lengthWords(forMs)}, the longest` },
  ];
  return (
    <FormDialog
      title={`Let ${operator} in?`}
      action={grant}
      submit="Grant"
      cancel="Let them wait"
      onClose={onClose}
    >
      <p>
        {isLast
          ? `${operator} gets in at once, and may come again to ${host} as ${login} until the time is over. Then these sessions end.`
          : 'Somebody else has to approve as well before it counts. The shorter of your times is taken.'}
      </p>
      <Choices legend="For how long" name="period" choices={choices} chosen={period} onChoose={setPeriod} />
    </FormDialog>
  );
}

/** Refuses a request; the operator reads the message. */
export function RefuseDialog({ request: { id, operator }, onClose, onAnswered }: AnswerProps) {
  const { api } = usePage();
  const [message, setMessage] = useState('');
  const refuse = useAction(async () => {
    const body = withNote('message', message);
    await api.send('POST', `/api/approvals/${encodeURIComponent(id)}/refuse`, { body });
    onAnswered();
  });
  return (
    <FormDialog
      title={`Refuse ${operator}?`}
      action={refuse}
      submit="Refuse"
      cancel="Let them wait"
      tone="danger"
      onClose={onClose}
    >
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
