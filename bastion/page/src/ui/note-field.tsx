interface NoteFieldProps {
  readonly label: string;
  /** Who reads it. */
  readonly hint: string;
  readonly name: string;
  readonly maxLength?: number;
  readonly value: string;
  readonly onInput: (value: string) => void;
}

/** A line that may stay empty: a reason, or a message to somebody. */
export function NoteField({ label, hint, name, maxLength = 500, value, onInput }: NoteFieldProps) {
  return (
    <label>
      <span>
        {label} <span class="muted">({hint})</span>
      </span>
      <input
        name={name}
        maxLength={maxLength}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}

/** A note as the API takes it, under `name`: nothing when nothing was written. */
export function withNote<N extends string>(name: N, value: string): { [K in N]?: string } {
  const text = value.trim();
  return (text === '' ? {} : { [name]: text }) as { [K in N]?: string };
}
