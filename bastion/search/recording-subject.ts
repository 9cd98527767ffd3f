import { tagTokens } from './search-words.ts';

/** Which recording is indexed, and what of it can be searched besides what it shows. */
export interface RecordingSubject {
  readonly session: string;
  readonly channel: number;
  readonly startedAt: string;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  readonly command?: string;
}

/** The second of an ISO time; the first of the range of ids that its recordings have. */
export function secondOf(isoTime: string): number {
  const ms = Date.parse(isoTime);
  return Number.isFinite(ms) && ms > 0 ? Math.floor(ms / 1000) : 0;
}

/** The words by which a recording is found whatever it shows: who, where and what. */
export function aboutText(subject: RecordingSubject): string {
  const { session, operator, host, login, command } = subject;
  return [session, operator, host, login, command ?? '', ...tagTokens({ operator, host })].join(' ');
}
