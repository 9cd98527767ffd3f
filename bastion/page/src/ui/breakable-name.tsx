/** Behind these a name may go on in the next line. */
const BREAKS = /(?<=[._@/-])/;

/** A name that breaks, where it must, between its parts and not within a word. */
export function BreakableName({ name }: { name: string }) {
  const [first, ...rest] = name.split(BREAKS);
  return (
    <span>
      {first}
      {rest.flatMap((part) => [<wbr />, part])}
    </span>
  );
}
