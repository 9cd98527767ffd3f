import type { Problem } from '../../../web/api.ts';
import { withBase } from './base-path.ts';
import { BastionClock } from './bastion-clock.ts';
import { readEvents, type StreamEvent } from './read-events.ts';

/** Nothing came back at all. */
const UNREACHABLE = 'page.unreachable';

/** A refusal or failure of the bastion's API, in words for people. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(status: number, problem: Problem) {
    super(problem.message);
    this.name = 'ApiError';
    this.status = status;
    this.code = problem.code;
    this.hint = problem.hint;
  }
}

/** A change that has no answer by then has a person wait in vain; whether it was done shows when the bastion is back. */
const CHANGE_LIMIT_MS = 30_000;

/** A reading that has no answer by then is given up, so that a dead connection does not keep a later one from being made. */
const READ_LIMIT_MS = 30_000;

/** How a request is made. */
export interface RequestOptions {
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** The page asks by itself; does not count as activity of the person in front of it. */
  readonly background?: boolean;
}

export interface ApiClient {
  /** The bastion's time, as its answers tell it. */
  readonly clock: BastionClock;
  get<T>(path: string, options?: RequestOptions): Promise<T>;
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, options?: RequestOptions): Promise<T>;
  text(path: string, signal: AbortSignal): Promise<string>;
  bytes(path: string, signal: AbortSignal): Promise<Uint8Array>;
  /** Server-sent events until their end. */
  events(path: string, signal: AbortSignal): AsyncIterable<StreamEvent>;
  /** Called whenever the bastion says that one is not signed in. Returns how to stop. */
  onSignedOut(listener: () => void): () => void;
}

/** Talks to the bastion that served the page. */
export function createApiClient(): ApiClient {
  const signedOutListeners = new Set<() => void>();
  const clock = new BastionClock();

  async function request(method: string, path: string, options: RequestOptions): Promise<Response> {
    const sentMs = Date.now();
    const response = await fetch(withBase(path), {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      headers: {
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(options.background === true ? { 'x-drawbridge-background': '1' } : {}),
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    }).catch((error: unknown) => {
      throw withoutAnswer(method, options.signal, error);
    });
    clock.heard(response.headers.get('date'), sentMs, Date.now());
    if (response.ok) return response;
    const error = new ApiError(response.status, await problemOf(response));
    if (error.code === 'login.required') for (const listener of signedOutListeners) listener();
    throw error;
  }

  return {
    clock,
    get: async <T>(path: string, options: RequestOptions = {}) => {
      const limit = AbortSignal.timeout(READ_LIMIT_MS);
      const signal = options.signal === undefined ? limit : AbortSignal.any([options.signal, limit]);
      const response = await request('GET', path, { ...options, signal });
      return (await response.json().catch((error: unknown) => {
        throw withoutAnswer('GET', signal, error);
      })) as T;
    },
    send: async <T>(method: string, path: string, options: RequestOptions = {}) =>
      (await (
        await request(method, path, { signal: AbortSignal.timeout(CHANGE_LIMIT_MS), ...options })
      ).json()) as T,
    text: async (path, signal) => (await request('GET', path, { signal })).text(),
    bytes: async (path, signal) =>
      new Uint8Array(await (await request('GET', path, { signal })).arrayBuffer()),
    async *events(path, signal) {
      const { body } = await request('GET', path, { signal });
      if (body !== null) yield* readEvents(body);
    },
    onSignedOut(listener) {
      signedOutListeners.add(listener);
      return () => signedOutListeners.delete(listener);
    },
  };
}

/** What went wrong when nothing, or only a part, came back. */
function withoutAnswer(method: string, signal: AbortSignal | undefined, error: unknown): unknown {
  if (signal?.aborted === true && !isTimeout(signal)) return error;
  return new ApiError(0, {
    code: UNREACHABLE,
    message: 'The bastion does not answer.',
    hint:
      method === 'GET'
        ? 'Check the connection; the page tries again by itself.'
        : 'Whether it was done shows when the connection is back.',
  });
}

function isTimeout(signal: AbortSignal): boolean {
  return signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback = {
    code: 'page.unexpected',
    message: `The bastion answered with status ${response.status}.`,
  };
  try {
    const body: unknown = await response.json();
    return isProblem(body) ? body : fallback;
  } catch {
    return fallback;
  }
}

function isProblem(value: unknown): value is Problem {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    'message' in value &&
    typeof value.code === 'string' &&
    typeof value.message === 'string'
  );
}

/** A path with a query of those values that are set. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): string {
  const entries = Object.entries(query).flatMap(([key, value]) =>
    value === undefined || value === '' ? [] : [[key, String(value)]],
  );
  return entries.length === 0 ? path : `${path}?${new URLSearchParams(entries)}`;
}
