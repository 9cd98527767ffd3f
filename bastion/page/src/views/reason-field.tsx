interface ReasonFieldProps {
  readonly value: string;
  readonly onInput: (value: string) => void;
}

/** Why somebody switches access. */
export function ReasonField({ value, onInput }: ReasonFieldProps) {
  return (
    <label>
      <span>
        Reason <span class="muted">(optional, goes into the audit log)</span>
      </span>
      <input
        name="reason"
        maxLength={200}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}

/** A reason as the API takes it: none when nothing was written. */
export function withReason(reason: string): { reason?: string } {
  return reason.trim() === '' ? {} : { reason: reason.trim() };
}
