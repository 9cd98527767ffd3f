import type { Problem } from '../../../web/api.ts';
import { withBase } from './base-path.ts';

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

/** How a request is made. */
export interface RequestOptions {
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** The page asks by itself; does not count as activity of the person in front of it. */
  readonly background?: boolean;
}

export interface ApiClient {
  get<T>(path: string, options?: RequestOptions): Promise<T>;
  send<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, options?: RequestOptions): Promise<T>;
  text(path: string, signal: AbortSignal): Promise<string>;
  bytes(path: string, signal: AbortSignal): Promise<Uint8Array>;
  /** Called whenever the bastion says that one is not signed in. Returns how to stop. */
  onSignedOut(listener: () => void): () => void;
}

/** Talks to the bastion that served the page. */
export function createApiClient(): ApiClient {
  const signedOutListeners = new Set<() => void>();

  async function request(method: string, path: string, options: RequestOptions): Promise<Response> {
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
      if (options.signal?.aborted === true && !isTimeout(options.signal)) throw error;
      throw new ApiError(0, {
        code: UNREACHABLE,
        message: 'The bastion does not answer.',
        hint:
          method === 'GET'
            ? 'Check the connection; the page tries again by itself.'
            : 'Whether it was done shows when the connection is back.',
      });
    });
    if (response.ok) return response;
    const error = new ApiError(response.status, await problemOf(response));
    if (error.code === 'login.required') for (const listener of signedOutListeners) listener();
    throw error;
  }

  return {
    get: async <T>(path: string, options: RequestOptions = {}) =>
      (await (await request('GET', path, options)).json()) as T,
    send: async <T>(method: string, path: string, options: RequestOptions = {}) =>
      (await (
        await request(method, path, { signal: AbortSignal.timeout(CHANGE_LIMIT_MS), ...options })
      ).json()) as T,
    text: async (path, signal) => (await request('GET', path, { signal })).text(),
    bytes: async (path, signal) =>
      new Uint8Array(await (await request('GET', path, { signal })).arrayBuffer()),
    onSignedOut(listener) {
      signedOutListeners.add(listener);
      return () => signedOutListeners.delete(listener);
    },
  };
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
