/** Whether this browser has seen the bastion's key before. */
export type KeyMemory = 'first' | 'same' | 'changed';

const STORED_NAME = 'drawbridge-key';

/** Remembers the bastion's key at first sight, as SSH does with a host's. */
export function rememberKey(key: string): KeyMemory {
  try {
    const known = localStorage.getItem(STORED_NAME);
    if (known === null) {
      localStorage.setItem(STORED_NAME, key);
      return 'first';
    }
    return known === key ? 'same' : 'changed';
  } catch {
    // A browser that keeps nothing has nothing to compare with.
    return 'first';
  }
}
