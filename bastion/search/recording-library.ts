import { encryptedCast } from '../../recordings/stored-cast.ts';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { type KeptRecording, keptRecording } from '../retention/kept-recording.ts';
import type { RecordingSummary, SessionSummary } from '../service.ts';
import {
  COMMANDS_LIST_LIMIT,
  type ScreenHit,
  type ScreenQuery,
  searchRecording,
  searchScreens,
  typedCommands,
} from './recording-search.ts';
import { keyframeAt, type ReplayIndex, type ReplaySegment, replayIndex, replaySegment } from './replay.ts';
import type { SearchStore } from './search-store.ts';
import { ViewingLog } from './viewing-log.ts';

export interface RecordingLibraryParts {
  readonly store: SearchStore;
  readonly sessions: { find(id: string): Promise<SessionSummary | undefined> };
  readonly audit: AuditSink;
  readonly clock: Clock;
}

/** A session that a search has found, with lines of its screens. */
export interface ScreenResult {
  readonly session: SessionSummary;
  readonly hits: readonly ScreenHit[];
}

/** What people do with recordings by way of their index: search, and seek. Every look is entered before it is given. */
export class RecordingLibrary {
  readonly #parts: RecordingLibraryParts;
  readonly #viewing: ViewingLog;

  constructor(parts: RecordingLibraryParts) {
    this.#parts = parts;
    this.#viewing = new ViewingLog(parts.audit, parts.clock);
  }

  /** Searches the screens of all sessions. Audited as `recording.searched`, since results show lines of them. */
  async search(
    actor: Actor,
    query: ScreenQuery,
  ): Promise<{ readonly results: readonly ScreenResult[]; readonly complete: boolean }> {
    await this.#viewing.entered(actor, `search ${query.text}`, {
      type: 'recording.searched',
      actor,
      words: query.text,
    });
    const { found, complete } = await searchScreens(this.#parts.store, query);
    const results: ScreenResult[] = [];
    for (const { session: id, hits } of found) {
      const session = await this.#parts.sessions.find(id);
      if (session !== undefined) results.push({ session, hits });
    }
    return { results, complete };
  }

  /** Lines of one recording with the time of each. Audited as `recording.searched`. @throws `recording.not_found` */
  async searchIn(
    actor: Actor,
    id: string,
    channel: number,
    text: string,
  ): Promise<{ readonly hits: readonly ScreenHit[]; readonly complete: boolean }> {
    const { session } = await this.#find(id, channel);
    await this.#viewing.entered(actor, `search ${id}/${channel} ${text}`, {
      type: 'recording.searched',
      actor,
      session: id,
      operator: session.operator,
      host: session.host,
      channel,
      words: text,
    });
    return searchRecording(this.#parts.store, { session: id, channel }, text);
  }

  /**
   * Commands that were typed in a recording, or in all of a session that can be read, as their screens showed them: an
   * aid, no evidence. Audited as a look. @throws `recording.not_found`, `recording.deleted`, `recording.encrypted`
   */
  async commands(
    actor: Actor,
    id: string,
    channel?: number,
  ): Promise<{ readonly commands: readonly ScreenHit[]; readonly complete: boolean }> {
    const all = channel === undefined ? ((await this.#parts.sessions.find(id))?.recordings ?? []) : [];
    const readable = all.filter((item) => item.deletedAt === undefined && item.encrypted !== true);
    const wanted = (readable.length > 0 ? readable : all.slice(0, 1)).map((item) => item.channel);
    const commands: ScreenHit[] = [];
    let complete = true;
    for (const number of wanted.length > 0 ? wanted : [channel ?? 1]) {
      const { session, recording } = await this.#find(id, number);
      await this.#viewed(actor, session, recording, 'commands');
      const found = await typedCommands(this.#parts.store, { session: id, channel: number });
      commands.push(...found.commands.slice(0, COMMANDS_LIST_LIMIT - commands.length));
      complete &&= found.complete;
      if (commands.length === COMMANDS_LIST_LIMIT) return { commands, complete: false };
    }
    return { commands, complete };
  }

  /** @throws `recording.not_found`, `recording.not_indexed`, `recording.encrypted` */
  async replayIndex(actor: Actor, id: string, channel: number, pauseLimitS?: number): Promise<ReplayIndex> {
    const { session, recording } = await this.#find(id, channel);
    const index = await replayIndex(this.#parts.store, id, channel, pauseLimitS);
    await this.#viewed(actor, session, recording);
    return index;
  }

  /** @throws `recording.not_found`, `recording.not_indexed`, `recording.malformed` */
  async replaySegment(
    actor: Actor,
    id: string,
    { channel, number, pauseLimitS }: { channel: number; number: number; pauseLimitS?: number | undefined },
  ): Promise<ReplaySegment> {
    const { session, recording } = await this.#find(id, channel);
    await this.#viewed(actor, session, recording);
    const of = { session: id, channel, path: recording.path };
    return replaySegment(this.#parts.store, of, number, pauseLimitS);
  }

  /** See `keyframeAt`. Enters nothing: for those who have entered the look at the live session. */
  keyframeAt(session: string, channel: number, offsetBytes: number) {
    return keyframeAt(this.#parts.store, { session, channel }, offsetBytes);
  }

  async #viewed(
    actor: Actor,
    session: SessionSummary,
    recording: RecordingSummary,
    how: 'replay' | 'commands' = 'replay',
  ): Promise<void> {
    const { channel } = recording;
    await this.#viewing.entered(actor, `${how} ${session.id}/${channel}`, {
      type: 'recording.viewed',
      actor,
      operator: session.operator,
      session: session.id,
      host: session.host,
      login: session.login,
      channel,
      how,
    });
  }

  async #find(id: string, channel: number): Promise<KeptRecording> {
    const kept = await keptRecording(this.#parts.sessions, id, channel);
    if (kept.recording.encrypted === true) throw encryptedCast();
    return kept;
  }
}
