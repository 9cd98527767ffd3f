import { useEffect, useReducer } from 'preact/hooks';
import { useClock } from '../data/context.ts';
import { durationWords, localTime, relativeWords } from './format.ts';

/** The bastion's time of day, refreshed every `periodMs`. */
export function useNow(periodMs: number): number {
  const clock = useClock();
  const [, tick] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => tick(undefined), periodMs);
    return () => clearInterval(timer);
  }, [periodMs]);
  return clock.now();
}

/** A moment in local time; the exact one, with its zone, on hover. */
export function Moment({ at, relative = false }: { at: string; relative?: boolean }) {
  return (
    <time dateTime={at} title={`${localTime(at, 'exact')} · ${at}`}>
      {relative ? <FromNow atMs={Date.parse(at)} /> : localTime(at, 'short')}
    </time>
  );
}

/** When something was used last, if ever. */
export function LastUsed({ at }: { at: string | undefined }) {
  if (at === undefined) return <>never used</>;
  return (
    <>
      used <Moment at={at} relative />
    </>
  );
}

function FromNow({ atMs }: { atMs: number }) {
  return relativeWords(atMs, useNow(20_000));
}

/** How long something that still goes on has lasted. */
export function Elapsed({ since }: { since: string }) {
  const now = useNow(1_000);
  return <span class="figures">{durationWords(Math.max(0, now - Date.parse(since)))}</span>;
}

/** What is left until a moment, second by second; `over` when nothing is. */
export function Countdown({ until, over }: { until: string; over: string }) {
  const leftMs = Date.parse(until) - useNow(1_000);
  return (
    <time class="figures" dateTime={until} title={`${localTime(until, 'exact')} · ${until}`}>
      {leftMs <= 0 ? over : durationWords(leftMs)}
    </time>
  );
}
