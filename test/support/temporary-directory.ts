import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * A new empty directory that is removed when the running test has finished. Call it in a test or in `beforeEach`.
 * In `beforeAll` there is no running test: there, use {@link createTemporaryDirectory} and return its `remove`.
 */
export function temporaryDirectory(): string {
  const { path, remove } = createTemporaryDirectory();
  onTestFinished(remove);
  return path;
}

/** A new empty directory that the caller removes: `beforeAll(() => remove)`. */
export function createTemporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'drawbridge-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}
