import { useState } from 'preact/hooks';
import type { ApprovalRequest } from '../../../web/approvals-api.ts';
import { usePage } from '../data/context.ts';
import { Dialog } from '../ui/dialog.tsx';
import { lengthWords } from '../ui/format.ts';
import { ErrorNote } from '../ui/notes.tsx';
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
    <Dialog title={`Let ${operator} in?`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          grant.run();
        }}
      >
        <p>
          {isLast
            ? `${operator} gets in at once, and may come again to ${host} as ${login} until the time is over. Then these sessions end.`
            : 'Somebody else has to approve as well before it counts. The shorter of your times is taken.'}
        </p>
        <fieldset class="choices">
          <legend>For how long</legend>
          {choices.map(({ value, words }) => (
            <label key={value} class="choice">
              <input
                type="radio"
                name="period"
                value={value}
                checked={period === value}
                onChange={() => setPeriod(value)}
              />
              <span>{words}</span>
            </label>
          ))}
        </fieldset>
        {grant.error !== undefined && <ErrorNote error={grant.error} />}
        <div class="dialog-buttons">
          <button type="button" onClick={onClose}>
            Let them wait
          </button>
          <button type="submit" class="primary" disabled={grant.running}>
            Grant
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Refuses a request; the operator reads the message. */
export function RefuseDialog({ request: { id, operator }, onClose, onAnswered }: AnswerProps) {
  const { api } = usePage();
  const [message, setMessage] = useState('');
  const refuse = useAction(async () => {
    const body = message.trim() === '' ? {} : { message: message.trim() };
    await api.send('POST', `/api/approvals/${encodeURIComponent(id)}/refuse`, { body });
    onAnswered();
  });
  return (
    <Dialog title={`Refuse ${operator}?`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          refuse.run();
        }}
      >
        <label>
          <span>
            Message <span class="muted">(optional, shown to the operator)</span>
          </span>
          <input
            name="message"
            maxLength={500}
            value={message}
            onInput={(event) => setMessage(event.currentTarget.value)}
          />
        </label>
        {refuse.error !== undefined && <ErrorNote error={refuse.error} />}
        <div class="dialog-buttons">
          <button type="button" onClick={onClose}>
            Let them wait
          </button>
          <button type="submit" class="danger" disabled={refuse.running}>
            Refuse
          </button>
        </div>
      </form>
    </Dialog>
  );
}
