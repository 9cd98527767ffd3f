import type { z } from 'zod';
import type { Json } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';

/** The parameters of a call on the control socket. @throws `usage.params` */
export function read<T>(schema: z.ZodType<T>, params: Json): T {
  const parsed = schema.safeParse(params);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const where = issue?.path.join('.') ?? '';
  throw new DrawbridgeError(
    'usage.params',
    `The parameters are not right: ${where} ${issue?.message ?? ''}`.trim(),
  );
}

/** The entries that have a value. */
export function defined<T extends object>(from: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(from).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** A value of ours as it crosses the socket. */
export function toJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}
