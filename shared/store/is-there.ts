import { access } from 'node:fs/promises';

/** Whether something is at this path. What this account can't get at counts as not there. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
