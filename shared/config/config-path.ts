import { resolve } from 'node:path';

/** A path as a config file has it, which may be relative to the file's folder. Never leaves this folder's code. */
export class ConfigPath {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** `T` with every {@link ConfigPath} as an absolute path. */
export type Resolved<T> = T extends ConfigPath
  ? string
  : T extends object
    ? { [K in keyof T]: Resolved<T[K]> }
    : T;

/** Makes the paths in a parsed config absolute: relative ones start from `folder`. */
export function resolvePaths<T>(parsed: T, folder: string): Resolved<T>;
export function resolvePaths(parsed: unknown, folder: string): unknown {
  if (parsed instanceof ConfigPath) return resolve(folder, parsed.text);
  if (Array.isArray(parsed)) return parsed.map((item) => resolvePaths(item, folder));
  if (typeof parsed !== 'object' || parsed === null) return parsed;
  return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key, resolvePaths(value, folder)]));
}
