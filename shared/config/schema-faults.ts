import type { ZodType } from 'zod';
import type { $ZodIssue, $ZodRawIssue } from 'zod/v4/core';
import { nearest } from './did-you-mean.ts';
import { knownKeys } from './schema-keys.ts';
import type { Fault, Step, YamlSource } from './yaml-source.ts';

/** All that `issues` says about `source`, each with its place. */
export function schemaFaults(source: YamlSource, schema: ZodType, issues: readonly $ZodIssue[]): Fault[] {
  return issues.flatMap((issue) => faultsOf(source, schema, issue, steps(issue.path)));
}

function faultsOf(source: YamlSource, schema: ZodType, issue: $ZodIssue, path: readonly Step[]): Fault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey(source, schema, path, key));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The form that was meant is most likely the one with the least wrong.
    const [closest = []] = [...issue.errors].sort((a, b) => a.length - b.length);
    const allAtThisValue = issue.errors.every((branch) => branch.every((inner) => inner.path.length === 0));
    if (!allAtThisValue) {
      return closest.flatMap((inner) => faultsOf(source, schema, inner, [...path, ...steps(inner.path)]));
    }
  }
  if (issue.code === 'invalid_key') {
    const why = issue.issues[0]?.message ?? issue.message;
    return [{ ...source.positionOfKey(path), path: dotted(path), text: `the key ${why}` }];
  }
  if (path.length > 0 && !source.has(path)) {
    return [{ ...source.positionOf(path), path: dotted(path), text: 'is missing' }];
  }
  return [{ ...source.positionOf(path), path: dotted(path), text: issue.message }];
}

function unknownKey(source: YamlSource, schema: ZodType, path: readonly Step[], key: string): Fault {
  const meant = nearest(key, knownKeys(schema, path));
  const full = [...path, key];
  return {
    ...source.positionOfKey(full),
    path: dotted(full),
    text: meant === undefined ? 'is not known here' : `is not known here; did you mean '${meant}'?`,
  };
}

/** How to say what is wrong, where the schema does not say it itself. It never quotes a value: it may be a secret. */
export function describeIssue(issue: $ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${nameOfType(issue.expected)}, and is ${nameOfValue(issue.input)}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${String(issue.values[0])}`
        : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must ${amount(issue.origin)}at least ${issue.minimum}${unit(issue.origin)}`;
    case 'too_big':
      return `must ${amount(issue.origin)}at most ${issue.maximum}${unit(issue.origin)}`;
    case 'invalid_format':
      return 'is not in the right form';
    case 'invalid_union':
      return 'is in none of the forms that are allowed here';
    default:
      return undefined;
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
  array: 'a list',
  null: 'empty',
};

function nameOfType(type: string): string {
  return TYPE_NAMES[type] ?? type;
}

function nameOfValue(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  return nameOfType(typeof value);
}

function amount(origin: string): string {
  return origin === 'string' || origin === 'array' ? 'have ' : 'be ';
}

function unit(origin: string): string {
  if (origin === 'string') return ' characters';
  return origin === 'array' ? ' entries' : '';
}

function steps(path: readonly PropertyKey[]): Step[] {
  return path.map((step) => (typeof step === 'symbol' ? String(step) : step));
}

function dotted(path: readonly Step[]): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}
