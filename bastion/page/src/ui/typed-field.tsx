import { useEffect, useId, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

const TYPING_DELAY_MS = 300;

interface TypedFieldProps {
  readonly label: string;
  readonly value: string;
  readonly placeholder: string;
  /** `search`: with a glass in front, and the label for screen readers alone. */
  readonly look?: 'field' | 'search';
  /** What may be meant; others can be typed as well. */
  readonly options?: readonly string[];
  readonly onChange: (value: string) => void;
}

/** A filter that one types: it counts as soon as one stops typing. */
export function TypedField({
  label,
  value,
  placeholder,
  look = 'field',
  options,
  onChange,
}: TypedFieldProps) {
  const [text, setText] = useState(value);
  const listId = useId();
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => onChange(text.trim()), TYPING_DELAY_MS);
    return () => clearTimeout(timer);
  });
  return (
    <label class={look}>
      {look === 'search' && <Icon name="search" />}
      <span class={look === 'search' ? 'sr-only' : undefined}>{label}</span>
      <input
        type="search"
        placeholder={placeholder}
        autocapitalize="none"
        autocomplete="off"
        spellcheck={false}
        list={options === undefined ? undefined : listId}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {options !== undefined && (
        <datalist id={listId}>
          {options.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
    </label>
  );
}
