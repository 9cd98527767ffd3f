/** Work that many events ask for and that is done now and then. */
export interface Coalesced {
  ask(): void;
  /** What was asked for and has not begun is dropped. */
  stop(): void;
}

/**
 * Does `work` once for all who ask within `delayMs`, and never twice at once: what is asked for meanwhile is done
 * after it. Whoever begins anew at each event gets nowhere while events come faster than answers.
 */
export function coalesced(work: () => Promise<void>, delayMs: number): Coalesced {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;
  let asked = false;
  let stopped = false;
  const ask = () => {
    if (stopped) return;
    if (running) asked = true;
    else timer ??= setTimeout(begin, delayMs);
  };
  const begin = () => {
    timer = undefined;
    running = true;
    const settle = () => {
      running = false;
      if (asked) {
        asked = false;
        ask();
      }
    };
    work().then(settle, settle);
  };
  return {
    ask,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
