import { z } from 'zod';

interface Schema {
  readonly type?: string | undefined;
  readonly description?: string | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly const?: unknown;
  readonly default?: unknown;
  readonly items?: Schema | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
  readonly additionalProperties?: Schema | boolean | undefined;
  readonly required?: readonly string[] | undefined;
  readonly anyOf?: readonly Schema[] | undefined;
  readonly oneOf?: readonly Schema[] | undefined;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
}

const schema: z.ZodType<Schema> = z.lazy(() =>
  z.looseObject({
    type: z.string().optional(),
    description: z.string().optional(),
    enum: z.array(z.unknown()).optional(),
    items: schema.optional(),
    properties: z.record(z.string(), schema).optional(),
    additionalProperties: z.union([z.boolean(), schema]).optional(),
    required: z.array(z.string()).optional(),
    anyOf: z.array(schema).optional(),
    oneOf: z.array(schema).optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
  }),
);

const content = z.record(z.string(), z.object({ schema: schema.optional() }));

const operation = z.object({
  summary: z.string(),
  description: z.string().optional(),
  tags: z.array(z.string()).min(1),
  security: z.array(z.unknown()).optional(),
  parameters: z
    .array(
      z.object({
        name: z.string(),
        in: z.string(),
        required: z.boolean().optional(),
        description: z.string().optional(),
        schema,
      }),
    )
    .default([]),
  requestBody: z.object({ content }).optional(),
  responses: z.record(
    z.string(),
    z.object({ description: z.string().optional(), content: content.optional() }),
  ),
});

const openApi = z.object({ paths: z.record(z.string(), z.record(z.string(), operation)) });

interface Row {
  readonly name: string;
  readonly type: string;
  readonly meaning: string;
}

const HEAD = `# API reference

Everything that the bastion's page does, for programs. The same as a machine reads it is at \`/api/openapi.json\` of every
bastion (OpenAPI 3); this page is written from it by \`npm run docs\`.

**Who asks.** \`POST /api/login\` gives a cookie for a browser. Programs use an API token, which an administrator makes on the
page: \`Authorization: Bearer …\`. Of the roles, \`viewer\` reads, \`approver\` also switches access, ends sessions and answers
requests, \`admin\` does everything; a call that needs more than the caller has is answered with 403 and \`request.role\`.

**Errors** are \`{"code", "message", "hint"?}\` with a status of 4xx or 5xx; the codes are explained in
[troubleshooting.md](../troubleshooting.md). Times are ISO 8601 in UTC. Fields in brackets may be missing.

    curl -H "Authorization: Bearer $TOKEN" https://bastion.acme.example/api/sessions?live=true
`;

/** The reference of the bastion's API as Markdown. @param document what \`/api/openapi.json\` answers */
export function apiReference(document: unknown): string {
  const calls = Object.entries(openApi.parse(document).paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, about]) => ({ path, method: method.toUpperCase(), about })),
  );
  const tags = [...new Set(calls.map(({ about }) => about.tags[0] ?? ''))];
  const overview = calls.map(
    ({ path, method, about }) => `| \`${method} ${path}\` | ${cell(about.summary)} |`,
  );
  const sections = tags.map((tag) => {
    const own = calls.filter(({ about }) => about.tags[0] === tag);
    return `## ${tag}\n\n${own.map((call) => callSection(call)).join('\n\n')}`;
  });
  return `${HEAD}\n| call | what it does |\n| --- | --- |\n${overview.join('\n')}\n\n${sections.join('\n\n')}\n`;
}

function callSection(call: {
  readonly path: string;
  readonly method: string;
  readonly about: z.infer<typeof operation>;
}): string {
  const { path, method, about } = call;
  const open = about.security?.length === 0 ? ' Needs no sign-in.' : '';
  const parts = [`### ${method} ${path}\n\n${about.summary}.${open}`];
  if (about.description !== undefined) parts.push(about.description);
  const parameters = about.parameters.map((given) => ({
    name: given.required === true ? `\`${given.name}\`` : `[\`${given.name}\`]`,
    type: `${typeOf(given.schema)}, in the ${given.in}`,
    meaning: meaningOf({ ...given.schema, description: given.description ?? given.schema.description }),
  }));
  const body = about.requestBody?.content['application/json']?.schema;
  const asked = [...parameters, ...(body === undefined ? [] : rowsOf(body, ''))];
  if (asked.length > 0) parts.push(`Takes:\n\n${table(asked)}`);
  parts.push(answerOf(about.responses['200']?.content));
  return parts.join('\n\n');
}

function answerOf(given: z.infer<typeof content> | undefined): string {
  const json = given?.['application/json']?.schema;
  if (json === undefined)
    return `Answers with ${
      Object.keys(given ?? {})
        .map((type) => `\`${type}\``)
        .join(', ') || 'a body of its own form'
    }.`;
  const rows = rowsOf(json, '');
  return rows.length === 0 ? `Answers with ${typeOf(json)}.` : `Answers:\n\n${table(rows)}`;
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ name, type, meaning }) => `| ${name} | ${cell(type)} | ${cell(meaning)} |`);
  return `| field | type | meaning |\n| --- | --- | --- |\n${lines.join('\n')}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}

/** A row for every property below, as `sessions[].id`. */
function rowsOf(of: Schema, path: string): Row[] {
  if (of.items !== undefined) return rowsOf(of.items, `${path}[]`);
  const forms = of.anyOf ?? of.oneOf;
  if (forms !== undefined) return forms.flatMap((form) => rowsOf(form, path));
  return Object.entries(of.properties ?? {}).flatMap(([key, child]) => {
    const name = path === '' ? key : `${path}.${key}`;
    const shown = of.required?.includes(key) === true ? `\`${name}\`` : `[\`${name}\`]`;
    return [{ name: shown, type: typeOf(child), meaning: meaningOf(child) }, ...rowsOf(child, name)];
  });
}

function typeOf(of: Schema): string {
  if (of.const !== undefined) return `\`${String(of.const)}\``;
  if (of.enum !== undefined) {
    return of.enum
      .filter((value) => value !== '')
      .map((value) => `\`${String(value)}\``)
      .join(', ');
  }
  if (of.items !== undefined) return `list of ${typeOf(of.items)}`;
  const forms = of.anyOf ?? of.oneOf;
  if (forms !== undefined) return [...new Set(forms.map(typeOf))].join(' or ');
  if (of.type === 'object' && of.properties === undefined) return 'names with values';
  return of.type ?? 'anything';
}

function meaningOf(of: Schema): string {
  const bounds =
    of.type === 'integer' && of.minimum !== undefined && (of.maximum ?? 0) < Number.MAX_SAFE_INTEGER
      ? `${of.minimum} to ${of.maximum ?? '…'}`
      : undefined;
  const fallback = of.default === undefined ? undefined : `${JSON.stringify(of.default)} if left out`;
  return [of.description, bounds, fallback].filter((text) => text !== undefined).join('; ');
}
