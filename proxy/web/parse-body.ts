import type { ZodType } from 'zod';
import { DrawbridgeError } from '../../shared/errors.ts';

const FAULTS_LIMIT = 5;

/** A request's body or query as `schema` has it. @throws `request.invalid`, which names the fields. */
export function parseWith<T>(schema: ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues
    .slice(0, FAULTS_LIMIT)
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`));
  throw new DrawbridgeError('request.invalid', `The request is not well formed: ${faults.join('; ')}.`);
}
