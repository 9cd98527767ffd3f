import type { RefObject } from 'preact';
import { Icon } from '../ui/icon.tsx';

interface PolicyFaultsProps {
  /** What the check said: a first line, then `file:line:column: …` for each fault. */
  readonly message: string;
  readonly field: RefObject<HTMLTextAreaElement | null>;
}

/** Every fault of a policy; those with a place lead there. */
export function PolicyFaults({ message, field }: PolicyFaultsProps) {
  const [first = '', ...lines] = message.split('\n');
  const jump = (line: number, column: number) => {
    const element = field.current;
    if (element === null) return;
    const before = element.value.split('\n').slice(0, line - 1);
    const at = before.reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
    element.focus();
    element.setSelectionRange(at, at);
  };
  return (
    <div class="note note-bad policy-faults" role="alert">
      <Icon name="alert" />
      <div>
        <p>{first}</p>
        <ul>
          {lines.map((line) => {
            const place = /^[^:\n]+:(\d+):(\d+): (.*)$/.exec(line);
            if (place === null) return <li key={line}>{line}</li>;
            const [, row = '1', column = '1', words] = place;
            return (
              <li key={line}>
                <button type="button" class="small" onClick={() => jump(Number(row), Number(column))}>
                  Line {row}, column {column}
                </button>{' '}
                {words}
              </li>
            );
          })}
        </ul>
      </div>
    </div>
  );
}
