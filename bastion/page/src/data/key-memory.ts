/** Whether this browser has seen a key before. */
export type KeyMemory = 'first' | 'same' | 'changed';

const STORED_NAMES = { bastion: 'drawbridge-key', witness: 'drawbridge-witness-key' } as const;

/** Remembers a key at first sight, as SSH does with a host's. */
export function rememberKey(whose: keyof typeof STORED_NAMES, key: string): KeyMemory {
  try {
    const known = localStorage.getItem(STORED_NAMES[whose]);
    if (known === null) {
      localStorage.setItem(STORED_NAMES[whose], key);
      return 'first';
    }
    return known === key ? 'same' : 'changed';
  } catch {
    // A browser that keeps nothing has nothing to compare with.
    return 'first';
  }
}
