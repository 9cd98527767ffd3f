import { patience } from './patience.ts';

/** Options for {@link waitFor}. */
export interface WaitForOptions {
  /** Fails after so long, times {@link patience}; 10 s unless given. */
  readonly timeoutMs?: number;
  /** Looks again after so long; 10 ms unless given. */
  readonly periodMs?: number;
  /** What is waited for, for the error's text. */
  readonly what?: string;
}

type Falsy = false | null | undefined | 0 | '';

/**
 * Waits until `condition` gives something truthy and resolves with it. A condition that throws counts as not met;
 * its last error is the cause of the failure.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitForOptions = {},
): Promise<Exclude<T, Falsy>> {
  const { periodMs = 10, what = 'the condition' } = options;
  const timeoutMs = (options.timeoutMs ?? 10_000) * patience();
  const endMs = performance.now() + timeoutMs;
  let lastError: unknown;
  while (true) {
    try {
      const value = await condition();
      if (value) return value as Exclude<T, Falsy>;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= endMs) {
      const why = lastError instanceof Error ? `: ${lastError.message}` : '';
      throw new Error(`gave up after ${timeoutMs} ms waiting for ${what}${why}`, { cause: lastError });
    }
    await new Promise((resolve) => setTimeout(resolve, periodMs));
  }
}
