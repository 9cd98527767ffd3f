/** Two days as an address has them, `2026-03-01`; an empty text leaves that end open. */
export interface DayRange {
  readonly from: string;
  readonly to: string;
}

/** The days as moments: from the first one's beginning to the last one's end, where the reader is. */
export function momentsOfDays({ from, to }: DayRange): { from?: string; to?: string } {
  const start = from === '' ? undefined : momentOf(from, '00:00:00.000');
  const end = to === '' ? undefined : momentOf(to, '23:59:59.999');
  return { ...(start === undefined ? {} : { from: start }), ...(end === undefined ? {} : { to: end }) };
}

function momentOf(day: string, time: string): string | undefined {
  const date = new Date(`${day}T${time}`);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

interface DayFieldsProps {
  readonly range: DayRange;
  /** What stands over the first field. */
  readonly label: string;
  readonly onChange: (name: keyof DayRange, day: string) => void;
}

/** The two fields of a filter by time. */
export function DayFields({ range, label, onChange }: DayFieldsProps) {
  return (
    <>
      {(['from', 'to'] as const).map((name) => (
        <label key={name} class="field">
          <span>{name === 'from' ? label : 'To'}</span>
          <input
            type="date"
            value={range[name]}
            onChange={(event) => onChange(name, event.currentTarget.value)}
          />
        </label>
      ))}
    </>
  );
}
