/**
 * Hands items from a producer that can't wait to a consumer that can be slow. Holds at most `limit` items; one more
 * ends the feed, so that the consumer finds out that it missed something instead of going on with a gap.
 */
export class BoundedFeed<T> implements AsyncIterable<T> {
  readonly #limit: number;
  readonly #items: T[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(item: T): void {
    if (this.#ended) return;
    if (this.#items.length >= this.#limit) {
      this.#items.length = 0;
      this.end();
      return;
    }
    this.#items.push(item);
    this.#wake?.();
  }

  /** No more items come; those that are held are still delivered. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) yield item;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
