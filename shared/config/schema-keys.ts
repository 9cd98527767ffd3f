import type { $ZodType, $ZodTypes } from 'zod/v4/core';
import type { Step } from './yaml-source.ts';

/** The keys that `schema` knows in the mapping at `path`; empty where it takes any key or none. */
export function knownKeys(schema: $ZodType, path: readonly Step[]): string[] {
  let level = [schema];
  for (const step of path) level = level.flatMap((candidate) => below(candidate, step));
  return level.flatMap((candidate) =>
    shapesOf(candidate).flatMap((shape) => (shape.type === 'object' ? Object.keys(shape.shape) : [])),
  );
}

function below(schema: $ZodType, step: Step): $ZodType[] {
  return shapesOf(schema).flatMap((shape) => {
    if (shape.type === 'array') return [shape.element];
    if (shape.type === 'record') return [shape.valueType];
    const child = shape.type === 'object' ? shape.shape[step] : undefined;
    return child === undefined ? [] : [child];
  });
}

/** What is inside of optional, default, transformation and union wrappers. */
function shapesOf(schema: $ZodType): $ZodTypes['_zod']['def'][] {
  const { def } = (schema as $ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return shapesOf(def.innerType);
    case 'pipe':
      return shapesOf(def.in);
    case 'lazy':
      return shapesOf(def.getter());
    case 'union':
      return def.options.flatMap(shapesOf);
    case 'intersection':
      return [...shapesOf(def.left), ...shapesOf(def.right)];
    default:
      return [def];
  }
}
