interface CodeFieldProps {
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
}

/** Six digits of an authenticator app. */
export function CodeField({ label, value, onInput }: CodeFieldProps) {
  return (
    <label>
      {label}
      <input
        name="code"
        class="figures"
        inputMode="numeric"
        autocomplete="one-time-code"
        pattern="[0-9 ]{6,7}"
        title="six digits"
        required
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}
