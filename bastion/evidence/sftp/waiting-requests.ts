import type { OpenFile } from './open-file.ts';
import type { Change } from './requests.ts';

/**
 * Requests that wait for their answer, from which on the client should be held up. Some clients ask for a whole file at
 * once, 32 KiB by 32 KiB.
 */
export const REQUESTS_BEFORE_HOLD = 16_384;

/** What may come on top of that: a 2 MiB window of the smallest requests that are on their way already. */
export const REQUESTS_LIMIT = REQUESTS_BEFORE_HOLD + 2 ** 17;

/** Of them, those that carry names. */
export const NAMED_REQUESTS_LIMIT = 256;

/** A request that waits for its answer. */
export type Request =
  | { readonly kind: 'open'; readonly file: OpenFile }
  | { readonly kind: 'list'; readonly file: OpenFile }
  | { readonly kind: 'close'; readonly handle: string }
  | { readonly kind: 'read'; readonly file: OpenFile; readonly offset: bigint }
  | { readonly kind: 'write'; readonly file: OpenFile }
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'other' };

/** What the client has asked and the server has not answered yet, by the request's id. */
export class WaitingRequests {
  readonly #requests = new Map<number, Request>();
  #named = 0;

  /** True while so many wait that the client should not be given room for more. */
  get shouldHold(): boolean {
    return this.#requests.size >= REQUESTS_BEFORE_HOLD;
  }

  /** Enters one. Gives back what is wrong with it; one that is only too many is entered all the same, to be told of. */
  add(id: number, request: Request): string | undefined {
    if (this.#requests.has(id)) return 'the client used the id of a request that was still waiting';
    if (isNamed(request)) this.#named++;
    this.#requests.set(id, request);
    const tooMany = this.#requests.size > REQUESTS_LIMIT || this.#named > NAMED_REQUESTS_LIMIT;
    return tooMany ? 'the client has too many requests waiting' : undefined;
  }

  /** Takes out the one that is answered; nothing when no such request waits. */
  take(id: number): Request | undefined {
    const request = this.#requests.get(id);
    if (request === undefined) return undefined;
    this.#requests.delete(id);
    if (isNamed(request)) this.#named--;
    return request;
  }

  /** Those that wait, in the order in which they were made. */
  all(): Iterable<Request> {
    return this.#requests.values();
  }

  /** Nobody waits for an answer any more. */
  clear(): void {
    this.#requests.clear();
    this.#named = 0;
  }
}

function isNamed(request: Request): boolean {
  return request.kind === 'change' || request.kind === 'open' || request.kind === 'list';
}
