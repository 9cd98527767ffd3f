import type { Json } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';

/** A JSON array of strings as it was stored. @throws `store.unreadable`. */
export function stringList(text: string): readonly string[] {
  const value = parsed(text);
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw unreadable();
}

/** A JSON object as it was stored. @throws `store.unreadable`. */
export function jsonObject(text: string): { readonly [key: string]: Json | undefined } {
  const value = parsed(text);
  if (isObject(value)) return value;
  throw unreadable();
}

function isObject(value: Json): value is { readonly [key: string]: Json | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw unreadable(cause);
  }
}

function unreadable(cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('store.unreadable', "The proxy's database holds a value that cannot be read.", {
    hint: 'Restore proxy.db from a backup.',
    cause,
  });
}
