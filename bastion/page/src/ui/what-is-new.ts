/** What changes by itself and concerns whoever is on the page, whichever view they have open. */
export interface Announced {
  /** Undefined until it is known. */
  readonly access: 'on' | 'off' | undefined;
  /** Requests that wait for an approval; undefined until it is known. */
  readonly waiting: number | undefined;
}

/** What there is to say of a change; empty when there is nothing, and at first, when all is new. */
export function whatIsNew(before: Announced, now: Announced): string {
  const turned = before.access !== undefined && now.access !== undefined && before.access !== now.access;
  const more = before.waiting === undefined || now.waiting === undefined ? 0 : now.waiting - before.waiting;
  return [
    turned ? `The switch was turned ${now.access}.` : '',
    more > 0 ? `One more approval is wanted: ${now.waiting} in all.` : '',
  ]
    .filter((sentence) => sentence !== '')
    .join(' ');
}
