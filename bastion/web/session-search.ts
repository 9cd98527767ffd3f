import type { Actor, AuditEvent } from '../../shared/audit/event.ts';
import type { RecordingLibrary } from '../search/recording-library.ts';
import type { BastionService, SessionSummary } from '../service.ts';
import type { SearchResult } from './api.ts';

/** Sessions that one search reads, newest first; beyond it the answer says that it is not complete. */
export const SEARCH_SESSION_LIMIT = 5_000;
/** `exec.started` events that one search reads, newest first. */
export const SEARCH_EVENT_LIMIT = 5_000;
const SESSION_PAGE = 500;
const EVENT_PAGE = 1_000;

type Match = SearchResult['results'][number]['matches'][number];

/** Where to search, and who does. */
interface SearchPlace {
  readonly service: BastionService;
  readonly library: RecordingLibrary | undefined;
  readonly actor: Actor;
}

interface SearchFilter {
  readonly operator?: string | undefined;
  readonly host?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** What {@link searchSessions} finds, and sessions whose screens showed the words; newest first. */
export async function searchEverything(
  place: SearchPlace,
  text: string,
  limit: number,
  filter: SearchFilter,
): Promise<SearchResult> {
  const { service, library, actor } = place;
  const { operator, host, from, to } = filter;
  const screens = await library?.search(actor, {
    text,
    limit,
    ...(operator === undefined ? {} : { operator }),
    ...(host === undefined ? {} : { host }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  });
  const about = await searchSessions(service, text, limit);
  const merged = new Map<string, { session: SearchResult['results'][number]['session']; matches: Match[] }>();
  for (const { session, matches } of about.results) {
    const isWanted =
      (operator === undefined || session.operator === operator) &&
      (host === undefined || session.host === host) &&
      (from === undefined || Date.parse(session.startedAt) >= Date.parse(from)) &&
      (to === undefined || Date.parse(session.startedAt) <= Date.parse(to));
    if (isWanted) merged.set(session.id, { session, matches: [...matches] });
  }
  for (const { session, hits } of screens?.results ?? []) {
    const found = merged.get(session.id) ?? { session, matches: [] as Match[] };
    for (const hit of hits) found.matches.push({ field: 'screen', ...hit });
    merged.set(session.id, found);
  }
  const results = [...merged.values()].sort((a, b) => b.session.startedAt.localeCompare(a.session.startedAt));
  return {
    results: results.slice(0, limit),
    complete: about.complete && screens?.complete !== false && results.length <= limit,
  };
}

/**
 * Sessions in which every word of `text` occurs, without regard to case, in operator, host, login, address, id or a
 * command. Commands come from the recordings and from the audit log, since not every command is recorded as text.
 */
export async function searchSessions(
  service: BastionService,
  text: string,
  limit: number,
): Promise<SearchResult> {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const commands = await readCommands(service);
  const results: { session: SessionSummary; matches: Match[] }[] = [];
  let before: string | undefined;
  for (let read = 0; read < SEARCH_SESSION_LIMIT; read += SESSION_PAGE) {
    const page = await service.listSessions({
      limit: SESSION_PAGE,
      ...(before === undefined ? {} : { before }),
    });
    for (const session of page) {
      const matches = matchesOf(session, commands.bySession.get(session.id) ?? [], words);
      if (matches !== undefined) results.push({ session, matches });
      if (results.length === limit) return { results, complete: false };
    }
    if (page.length < SESSION_PAGE) return { results, complete: commands.complete };
    before = page.at(-1)?.startedAt;
  }
  return { results, complete: false };
}

async function readCommands(
  service: BastionService,
): Promise<{ bySession: ReadonlyMap<string, readonly string[]>; complete: boolean }> {
  const bySession = new Map<string, string[]>();
  let before: number | undefined;
  for (let read = 0; read < SEARCH_EVENT_LIMIT; read += EVENT_PAGE) {
    const page: readonly AuditEvent[] = await service.queryAudit({
      type: 'exec.started',
      newestFirst: true,
      limit: EVENT_PAGE,
      ...(before === undefined ? {} : { before }),
    });
    for (const event of page) {
      const command = event['command'];
      if (event.session === undefined || typeof command !== 'string') continue;
      const known = bySession.get(event.session);
      if (known === undefined) bySession.set(event.session, [command]);
      else known.push(command);
    }
    if (page.length < EVENT_PAGE) return { bySession, complete: true };
    before = page.at(-1)?.seq;
  }
  return { bySession, complete: false };
}

function matchesOf(
  session: SessionSummary,
  auditCommands: readonly string[],
  words: readonly string[],
): Match[] | undefined {
  const recorded = session.recordings.flatMap(({ command }) => (command === undefined ? [] : [command]));
  const fields: Match[] = [
    { field: 'operator', text: session.operator },
    { field: 'host', text: session.host },
    { field: 'login', text: session.login },
    { field: 'session', text: session.id },
    ...(session.source === undefined ? [] : [{ field: 'source' as const, text: session.source }]),
    ...[...new Set([...recorded, ...auditCommands])].map((text) => ({ field: 'command' as const, text })),
  ];
  const lower = fields.map((field) => field.text.toLowerCase());
  if (!words.every((word) => lower.some((text) => text.includes(word)))) return undefined;
  return fields.filter((_, index) => words.some((word) => lower[index]?.includes(word)));
}
