import { useClock } from '../data/context.ts';
import { durationWords } from './format.ts';
import { useNow } from './time.tsx';

/** In which zone the times of the page are, and that this device has another time than the bastion. */
export function Zone() {
  const { aheadMs } = useClock();
  useNow(20_000);
  return (
    <footer class="zone">
      Times are in {Intl.DateTimeFormat().resolvedOptions().timeZone}.
      {aheadMs !== 0 && (
        <>
          {' '}
          This device's clock is {durationWords(Math.abs(aheadMs))} {aheadMs > 0 ? 'ahead of' : 'behind'} the
          bastion's, which is the one that counts here.
        </>
      )}
    </footer>
  );
}
