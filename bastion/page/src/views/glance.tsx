import type { ComponentChildren } from 'preact';
import type { Session, Status } from '../../../web/api.ts';
import { countWords, listWords } from '../ui/format.ts';
import { evidenceWords } from './evidence-card.tsx';
import type { Health } from './health-card.tsx';
import { uplinkWords } from './uplink-card.tsx';

/** Operators that are called by their names; of more there is a number. */
const NAMES_SHOWN = 3;

interface GlanceProps {
  readonly status: Status;
  /** Undefined while it is not known. */
  readonly live: readonly Session[] | undefined;
}

/** Under the switch, in a line each: who is in, whether evidence is kept, whether the vendor can reach this bastion. */
export function Glance({ status, live }: GlanceProps) {
  const evidence = evidenceWords(status.evidence);
  const uplink = uplinkWords(status);
  return (
    <ul class="glance">
      <Line to="live-title" health={status.liveSessions > 0 ? 'good' : 'idle'}>
        {inWords(status.liveSessions, live)}
      </Line>
      <Line to="health-title" health={evidence[0]}>
        {evidence[0] === 'good' ? evidence[1] : `Evidence: ${lowerFirst(evidence[1])}`}
      </Line>
      <Line to="health-title" health={uplink[0]}>
        {status.uplinks.length === 0 ? uplink[1] : `Vendor: ${lowerFirst(uplink[1])}`}
      </Line>
    </ul>
  );
}

function Line({ to, health, children }: { to: string; health: Health; children: ComponentChildren }) {
  return (
    <li class={`glance-line health-${health}`}>
      <a href={`#${to}`}>
        <span class="dot" aria-hidden="true" />
        {children}
      </a>
    </li>
  );
}

function lowerFirst(words: string): string {
  return words.charAt(0).toLowerCase() + words.slice(1);
}

/** `alice and bob are in`, `Nobody is in`. */
function inWords(count: number, live: readonly Session[] | undefined): string {
  if (count === 0) return 'Nobody is in';
  const names = [...new Set(live?.map(({ operator }) => operator))];
  if (names.length === 0) return countWords(count, 'live session');
  const shown = names.slice(0, NAMES_SHOWN);
  const rest = names.length - shown.length;
  const who = listWords(rest === 0 ? shown : [...shown, `${rest} more`]);
  return `${who} ${names.length === 1 ? 'is' : 'are'} in`;
}
