interface ChoicesProps<V extends string> {
  readonly legend: string;
  /** Name of the field, one of its kind in a form. */
  readonly name: string;
  readonly choices: readonly { readonly value: V; readonly words: string }[];
  readonly chosen: V;
  readonly onChoose: (value: V) => void;
}

/** One of a few, all to be seen at once. */
export function Choices<V extends string>({ legend, name, choices, chosen, onChoose }: ChoicesProps<V>) {
  return (
    <fieldset class="choices">
      <legend>{legend}</legend>
      {choices.map(({ value, words }) => (
        <label key={value} class="choice">
          <input
            type="radio"
            name={name}
            value={value}
            checked={chosen === value}
            onChange={() => onChoose(value)}
          />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  );
}
