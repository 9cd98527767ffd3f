/** The value below which `share` of the values lie; they need not be sorted. NaN of nothing. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Samples by name, in the order in which they were taken. */
export class Samples {
  readonly #values = new Map<string, number[]>();

  add(name: string, ...values: readonly number[]): void {
    this.#values.set(name, [...this.of(name), ...values]);
  }

  of(name: string): readonly number[] {
    return this.#values.get(name) ?? [];
  }
}

/** How long something takes, in milliseconds. */
export async function elapsedMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
