import { secondOf } from './recording-subject.ts';
import { CHUNKS_PER_SECOND } from './search-schema.ts';
import type { ChunkLines, SearchStore } from './search-store.ts';
import { matchExpression, wordCounter, wordsOf } from './search-words.ts';

/** Chunks of text that one search looks through; with more the answer says that it is not complete. */
export const CHUNKS_LIMIT = 5_000;

/** So many are read first: of words that are everywhere they are enough for a list of sessions. */
const FIRST_CHUNKS = 512;

/** Lines shown of one session among the results. */
const LINES_OF_SESSION = 3;

/** Hits in one recording. */
export const HITS_LIMIT = 500;

/** Typed commands of one recording that are listed; with more the answer says that it is not complete. */
export const COMMANDS_LIST_LIMIT = 5_000;

/** A line is shown with so many UTF-16 code units around the first word. */
const SNIPPET_LENGTH = 200;

/** What to look for. Times are ISO. */
export interface ScreenQuery {
  readonly text: string;
  readonly operator?: string;
  readonly host?: string;
  /** Only recordings that started at or after. */
  readonly from?: string;
  /** Only recordings that started at or before. */
  readonly to?: string;
  /** Sessions at most. */
  readonly limit: number;
}

/** A line that was on the screen. Text as it was shown there: data from a host, never markup. */
export interface ScreenHit {
  readonly channel: number;
  /** Seconds from the start of the recording at which it was seen first. */
  readonly timeS: number;
  readonly text: string;
}

interface ChunkPlace {
  readonly id: number;
  readonly channel: number;
}

/** What was found of one session. No hits: the words are in what is known about it. */
export interface FoundSession {
  readonly session: string;
  readonly hits: readonly ScreenHit[];
}

/** Sessions, newest first, on whose screens (or in whose operator, host, login, id or command) all words occur together. */
export async function searchScreens(
  store: SearchStore,
  query: ScreenQuery,
): Promise<{ readonly found: readonly FoundSession[]; readonly complete: boolean }> {
  const words = wordsOf(query.text);
  if (words.length === 0) return { found: [], complete: true };
  const { bySession, complete } = await newestSessions(store, matchExpression(words, query), query);
  // Rows come with the last first; what happened first is what to show.
  const firsts = [...bySession].flatMap(([session, chunks]) => {
    const first = chunks.at(-1);
    return first === undefined ? [] : [{ session, first }];
  });
  const lines = await store.lines(firsts.map(({ first }) => first.id));
  const found: FoundSession[] = firsts.map(({ session, first }) => ({
    session,
    hits: hitsOf(lines.get(first.id) ?? [], first.channel, words, LINES_OF_SESSION),
  }));
  return { found, complete };
}

/** Chunks that match, by session, the newest first; no more of them are read than that takes. */
async function newestSessions(
  store: SearchStore,
  expression: string,
  query: ScreenQuery,
): Promise<{
  readonly bySession: ReadonlyMap<string, readonly ChunkPlace[]>;
  readonly complete: boolean;
}> {
  const bySession = new Map<string, ChunkPlace[]>();
  const [firstId, lastId] = idRange(query);
  let looked = 0;
  for (let page = FIRST_CHUNKS, to = lastId; ; page = CHUNKS_LIMIT) {
    const limit = Math.min(page, CHUNKS_LIMIT - looked);
    const rows = await store.match(expression, { ids: [firstId, to], limit });
    for (const { id, session, channel } of rows) {
      const known = bySession.get(session);
      if (known !== undefined) known.push({ id, channel });
      else if (bySession.size === query.limit) return { bySession, complete: false };
      else bySession.set(session, [{ id, channel }]);
    }
    looked += rows.length;
    const last = rows.at(-1);
    // Had there been more sessions than were asked for, one of these rows would have been of the next.
    if (last === undefined || rows.length < limit) return { bySession, complete: true };
    if (looked >= CHUNKS_LIMIT) return { bySession, complete: false };
    to = last.id - 1;
  }
}

/** Every line of one recording that has the most of the words, in order. */
export async function searchRecording(
  store: SearchStore,
  recording: { readonly session: string; readonly channel: number },
  text: string,
): Promise<{ readonly hits: readonly ScreenHit[]; readonly complete: boolean }> {
  const words = wordsOf(text);
  const indexed = await store.find(recording.session, recording.channel);
  if (words.length === 0 || indexed === undefined) return { hits: [], complete: indexed !== undefined };
  const rows = await store.match(matchExpression(words), { recording: indexed.id, limit: HITS_LIMIT });
  let hits: ScreenHit[] = [];
  let most = 1;
  for (const { id } of rows) {
    // None can be better.
    if (hits.length >= HITS_LIMIT && most === words.length) break;
    const lines = await store.lines([id]);
    const best = bestOf(lines.get(id) ?? [], recording.channel, words, HITS_LIMIT);
    if (best.count < most) continue;
    if (best.count > most) hits = [];
    most = best.count;
    hits.push(...best.hits);
  }
  hits.sort((a, b) => a.timeS - b.timeS);
  return {
    hits: hits.slice(0, HITS_LIMIT),
    complete: indexed.state === 'done' && hits.length < HITS_LIMIT && rows.length < HITS_LIMIT,
  };
}

/** Commands that were typed in one recording, as far as its screen showed them: an aid, no evidence. */
export async function typedCommands(
  store: SearchStore,
  recording: { readonly session: string; readonly channel: number },
): Promise<{ readonly commands: readonly ScreenHit[]; readonly complete: boolean }> {
  const indexed = await store.find(recording.session, recording.channel);
  if (indexed === undefined) return { commands: [], complete: false };
  const found = await store.commands(indexed, COMMANDS_LIST_LIMIT + 1);
  const { channel } = recording;
  return {
    commands: found.slice(0, COMMANDS_LIST_LIMIT).map(([timeS, text]) => ({ channel, timeS, text })),
    complete: indexed.state === 'done' && found.length <= COMMANDS_LIST_LIMIT,
  };
}

function hitsOf(lines: ChunkLines, channel: number, words: readonly string[], limit: number): ScreenHit[] {
  return bestOf(lines, channel, words, limit).hits;
}

/** The lines that have the most of the words, and how many these are. */
function bestOf(
  lines: ChunkLines,
  channel: number,
  words: readonly string[],
  limit: number,
): { readonly count: number; readonly hits: ScreenHit[] } {
  const countIn = wordCounter(words);
  const counted = lines.map(([timeS, text]) => ({ timeS, text, count: countIn(text) }));
  const most = counted.reduce((max, { count }) => Math.max(max, count), 0);
  if (most === 0) return { count: 0, hits: [] };
  const hits = counted
    .filter(({ count }) => count === most)
    .slice(0, limit)
    .map(({ timeS, text }) => ({ channel, timeS, text: snippetOf(text, words) }));
  return { count: most, hits };
}

function snippetOf(text: string, words: readonly string[]): string {
  if (text.length <= SNIPPET_LENGTH) return text;
  const lower = text.toLowerCase();
  const places = words.map((word) => lower.indexOf(word)).filter((at) => at !== -1);
  const first = places.length === 0 ? 0 : Math.min(...places);
  const start = Math.max(0, Math.min(first - SNIPPET_LENGTH / 4, text.length - SNIPPET_LENGTH));
  // Halves of a character at the cuts would be no text.
  const piece = text.slice(start, start + SNIPPET_LENGTH).replaceAll(/\p{Surrogate}/gu, '');
  return `${start > 0 ? '…' : ''}${piece}${start + SNIPPET_LENGTH < text.length ? '…' : ''}`;
}

function idRange(query: ScreenQuery): readonly [number, number] {
  const first = query.from === undefined ? 0 : secondOf(query.from);
  const last = query.to === undefined ? 2 ** 32 : secondOf(query.to);
  return [first * CHUNKS_PER_SECOND, (last + 1) * CHUNKS_PER_SECOND - 1];
}
