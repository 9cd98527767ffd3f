import { DrawbridgeError } from '../shared/errors.ts';
import type { ReachableHost } from './hosts.ts';

/** Longest selector that is read. */
const SELECTOR_LIMIT_CHARACTERS = 4_096;

/** Says whether a host is meant. */
export type HostSelector = (host: ReachableHost) => boolean;

/**
 * Reads which hosts are meant: terms separated by commas, of which all must hold. `role=db` and `role!=db` compare a
 * label, `web-1.acme` names a host, and `*` stands for any characters in both. A term with alternatives is written
 * `role=db|cache`.
 *
 * @throws `usage.hosts`
 */
export function parseHostSelector(text: string): HostSelector {
  if (text.length > SELECTOR_LIMIT_CHARACTERS) throw unreadable('It is too long.');
  const terms = text.split(',').map((term) => term.trim());
  if (terms.some((term) => term === '')) throw unreadable('A term is empty.');
  const selectors = terms.map(parseTerm);
  return (host) => selectors.every((matches) => matches(host));
}

function parseTerm(term: string): HostSelector {
  const comparison = /^([^=!|*\s]+)(!?=)(.*)$/.exec(term);
  if (comparison === null) {
    if (term.includes('=')) throw unreadable(`The term ${JSON.stringify(term)} names no label.`);
    const matches = parseAlternatives(term);
    return (host) => matches(host.name);
  }
  const [, name = '', operator, values = ''] = comparison;
  const matches = parseAlternatives(values);
  if (operator === '=') return (host) => matches(labelOf(host, name));
  return (host) => !matches(labelOf(host, name));
}

/** A label that a host doesn't have reads as the empty text, so that `role=` finds the hosts without a role. */
function labelOf(host: ReachableHost, name: string): string {
  return Object.hasOwn(host.labels, name) ? (host.labels[name] ?? '') : '';
}

function parseAlternatives(text: string): (value: string) => boolean {
  const patterns = text.split('|').map((pattern) => pattern.split('*'));
  return (value) => patterns.some((pieces) => matchesPieces(pieces, value));
}

/** Takes each piece where it first occurs, which is enough for a pattern whose only wildcard is `*`: no backtracking. */
function matchesPieces(pieces: readonly string[], value: string): boolean {
  const first = pieces[0] ?? '';
  if (pieces.length === 1) return value === first;
  const last = pieces.at(-1) ?? '';
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = value.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return value.length - last.length >= at && value.endsWith(last);
}

function unreadable(why: string): DrawbridgeError {
  return new DrawbridgeError('usage.hosts', `The choice of hosts can't be read. ${why}`, {
    hint: "Write labels and names, all of which must hold: --hosts 'role=db,env!=test' or --hosts 'web-*.acme'.",
  });
}
