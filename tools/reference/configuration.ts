import { globalRegistry, ZodNumber, type ZodType } from 'zod';
import type { $ZodType, $ZodTypes } from 'zod/v4/core';

/** One of the files that the reference describes. */
export interface DescribedFile {
  readonly name: string;
  readonly about: string;
  readonly schema: ZodType;
}

interface Row {
  readonly key: string;
  readonly type: string;
  readonly fallback: string;
  readonly meaning: string;
}

const HEAD = `# Configuration reference

Every key that Drawbridge's files may hold. A key that is not listed here is a fault, and so is a value of another type:
\`drawbridge doctor --config FILE\` names each with its line. This page is written by \`npm run docs\` from the schemas that
read the files, so that it says what the program does.

**Durations** have units: \`30s\`, \`5m\`, \`8h\`, \`90d\`, \`1h30m\`. **Sizes** have units: \`512 KiB\`, \`16 MiB\`, \`50 GB\`.
**Paths** that are relative begin at the folder of the file. A **key in brackets** may be left out. \`[]\` behind a key
means one entry of a list, \`NAME\` a name of your own.
`;

/** The reference of all configuration files as Markdown. @throws an `Error` that names the first key without a meaning */
export function configurationReference(files: readonly DescribedFile[]): string {
  const contents = files.map(({ name }) => `- [${name}](#${name.replaceAll('.', '')})`).join('\n');
  return [HEAD, contents, ...files.map(fileSection)]
    .join('\n\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .concat('\n');
}

function fileSection({ name, about, schema }: DescribedFile): string {
  const rows = rowsBelow(schema, '', name);
  const lines = rows.map(
    ({ key, type, fallback, meaning }) => `| ${key} | ${type} | ${fallback} | ${meaning} |`,
  );
  return `## ${name}\n\n${about}\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n${lines.join('\n')}`;
}

/** Rows of every key below `schema`, whose own name is `path`. */
function rowsBelow(schema: $ZodType, path: string, file: string): Row[] {
  const def = definitionOf(schema);
  if (def.type === 'array') return rowsBelow(def.element, `${path}[]`, file);
  if (def.type === 'record') return rowsBelow(def.valueType, `${path}.NAME`, file);
  if (def.type === 'union') return unionRows(def.options, path, file);
  if (def.type !== 'object') return [];
  return Object.entries(def.shape).flatMap(([key, child]) => {
    const full = path === '' ? key : `${path}.${key}`;
    return [rowOf(child, full, file), ...rowsBelow(child, full, file)];
  });
}

/** A list whose entries are of several kinds: what they share first, then what each has besides. */
function unionRows(options: readonly $ZodType[], path: string, file: string): Row[] {
  const kinds = options.map((option) => rowsBelow(option, path, file)).filter((rows) => rows.length > 0);
  const [first = []] = kinds;
  const isShared = (row: Row) => kinds.every((rows) => rows.some((one) => isSame(one, row)));
  const [kindKey] = first.filter((row) => !isShared(row) && kinds.every((rows) => rows.some(isKeyOf(row))));
  if (kindKey === undefined) return first;
  const named = kinds.map((rows) => ({ rows, kind: rows.find(isKeyOf(kindKey)) ?? kindKey }));
  const own = kinds
    .flat()
    .filter(
      (row, at, all) =>
        !isShared(row) && row.key !== kindKey.key && all.findIndex((one) => isSame(one, row)) === at,
    )
    .map((row) => {
      const having = named.filter(({ rows }) => rows.some((one) => isSame(one, row)));
      return { ...row, meaning: `${row.meaning} (${having.map(({ kind }) => kind.type).join(', ')})` };
    });
  const choice = {
    ...kindKey,
    type: named.map(({ kind }) => kind.type).join(', '),
    meaning: named.map(({ kind }) => `${kind.type}: ${kind.meaning}`).join(' '),
  };
  return [...first.filter(isShared), choice, ...own];
}

function isKeyOf(row: Row): (other: Row) => boolean {
  return (other) => other.key === row.key;
}

function isSame(one: Row, other: Row): boolean {
  return one.key === other.key && one.type === other.type && one.meaning === other.meaning;
}

function rowOf(schema: $ZodType, path: string, file: string): Row {
  const meaning = metaOf(schema).description;
  if (meaning === undefined) throw new Error(`${file}: ${path} has no description in its schema`);
  const { optional, fallback } = defaultOf(schema);
  const name = optional ? `[\`${path}\`]` : `\`${path}\``;
  return { key: name, type: cell(typeOf(schema)), fallback: fallback ?? '', meaning: cell(meaning) };
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

interface Meta {
  readonly title?: string;
  readonly description?: string;
}

/** Title and description of a schema: its own, or those of what it wraps. */
function metaOf(schema: $ZodType): Meta {
  const { title, description } = globalRegistry.get(schema) ?? {};
  const inner = innerOf(schema);
  const below = inner === undefined ? {} : metaOf(inner);
  return {
    ...below,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
  };
}

function innerOf(schema: $ZodType): $ZodType | undefined {
  const { def } = (schema as $ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return def.innerType;
    case 'pipe':
      return def.in;
    default:
      return undefined;
  }
}

function coreOf(schema: $ZodType): $ZodType {
  const inner = innerOf(schema);
  return inner === undefined ? schema : coreOf(inner);
}

function definitionOf(schema: $ZodType): $ZodTypes['_zod']['def'] {
  return (coreOf(schema) as $ZodTypes)._zod.def;
}

function typeOf(schema: $ZodType): string {
  const { title } = metaOf(schema);
  if (title !== undefined) return title;
  const def = definitionOf(schema);
  switch (def.type) {
    case 'enum':
      return Object.values(def.entries)
        .map((value) => `\`${value}\``)
        .join(', ');
    case 'literal':
      return def.values.map((value) => `\`${String(value)}\``).join(', ');
    case 'union':
      return [...new Set(def.options.map(typeOf))].join(' or ');
    case 'array':
      return `list of ${typeOf(def.element).replace(/^section$/, 'sections')}`;
    case 'object':
      return 'section';
    case 'record':
      return 'names with values';
    case 'number':
      return `whole number${boundsOf(coreOf(schema))}`;
    case 'boolean':
      return '`true` or `false`';
    case 'string':
      return 'text';
    default:
      return def.type;
  }
}

function boundsOf(schema: $ZodType): string {
  return schema instanceof ZodNumber ? `, ${schema.minValue} to ${schema.maxValue}` : '';
}

function defaultOf(schema: $ZodType): { optional: boolean; fallback?: string } {
  const { def } = (schema as $ZodTypes)._zod;
  if (def.type === 'optional') return { optional: true };
  if (def.type === 'default' || def.type === 'prefault') {
    return { optional: true, ...shown(def.defaultValue) };
  }
  const inner = innerOf(schema);
  return inner === undefined || def.type === 'pipe' ? { optional: false } : defaultOf(inner);
}

/** An empty section or list says nothing by its default: what is in it has defaults of its own. */
function shown(value: unknown): { fallback?: string } {
  if (typeof value === 'object' && value !== null) {
    if (!Array.isArray(value) || value.length === 0) return {};
    return { fallback: value.map((one) => `\`${String(one)}\``).join(', ') };
  }
  return { fallback: `\`${String(value)}\`` };
}
