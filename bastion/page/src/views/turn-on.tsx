import { useState } from 'preact/hooks';
import type { Access, Policy } from '../../../web/api.ts';
import { usePage } from '../data/context.ts';
import { useResource } from '../data/use-resource.ts';
import { Choices } from '../ui/choices.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { NoteField, withNote } from '../ui/note-field.tsx';
import { useAction } from '../ui/use-action.ts';

const PERIODS = [
  { value: '30m', words: '30 minutes' },
  { value: '1h', words: '1 hour' },
  { value: '4h', words: '4 hours' },
  { value: '8h', words: '8 hours' },
  { value: 'until', words: 'Until a time…' },
  { value: 'open', words: 'Until turned off' },
] as const;

type Period = (typeof PERIODS)[number]['value'];

interface TurnOnProps {
  readonly onChanged: (access: Access) => void;
  readonly onClose: () => void;
}

/** Turns remote access on: for a time, until a moment, or until somebody turns it off. */
export function TurnOn({ onChanged, onClose }: TurnOnProps) {
  const { api } = usePage();
  const [period, setPeriod] = useState<Period>('4h');
  const [until, setUntil] = useState(localInputTime(api.clock.now() + 3_600_000));
  const [outside, setOutside] = useState(false);
  const [reason, setReason] = useState('');
  // What a policy says only matters here when it has windows; without it the choice is left out.
  const policy = useResource<Policy>('/api/policy', ({ type }) => type.startsWith('policy.'));
  const hasWindows = /^\s*(-\s+)?windows\s*:/m.test(policy.data?.text ?? '');
  const ends = period !== 'open';
  const change = useAction(async () => {
    const body = {
      state: 'on',
      ...endOf(period, until),
      ...(hasWindows && ends && outside ? { outsideWindows: true } : {}),
      ...withNote('reason', reason),
    };
    onChanged(await api.send<Access>('PUT', '/api/access', { body }));
  });
  return (
    <FormDialog
      title="Turn remote access on?"
      action={change}
      submit="Turn on"
      cancel="Leave it off"
      onClose={onClose}
    >
      <p>
        The vendor's operators can then reach your hosts, as far as your policy allows. Everything is
        recorded.
      </p>
      <Choices legend="For how long" name="period" choices={PERIODS} chosen={period} onChoose={setPeriod} />
      {period === 'until' && (
        <label>
          <span>
            Until <span class="muted">({Intl.DateTimeFormat().resolvedOptions().timeZone})</span>
          </span>
          <input
            type="datetime-local"
            name="until"
            required
            min={localInputTime(api.clock.now())}
            value={until}
            onInput={(event) => setUntil(event.currentTarget.value)}
          />
        </label>
      )}
      {hasWindows && (
        <label class="inline">
          <input
            type="checkbox"
            name="outsideWindows"
            disabled={!ends}
            checked={ends && outside}
            onChange={(event) => setOutside(event.currentTarget.checked)}
          />
          <span>
            Also outside of the windows of the policy
            {!ends && <span class="muted"> (only for a time)</span>}
          </span>
        </label>
      )}
      <NoteField
        label="Reason"
        hint="optional, goes into the audit log"
        name="reason"
        maxLength={200}
        value={reason}
        onInput={setReason}
      />
    </FormDialog>
  );
}

function endOf(period: Period, until: string): { for?: string; until?: string } {
  if (period === 'open') return {};
  return period === 'until' ? { until: new Date(until).toISOString() } : { for: period };
}

/** A moment as `<input type="datetime-local">` takes it: local, to the minute. */
function localInputTime(ms: number): string {
  const offsetMs = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offsetMs).toISOString().slice(0, 16);
}
