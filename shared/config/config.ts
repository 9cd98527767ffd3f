import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ZodType } from 'zod';
import { DrawbridgeError, messageOf, systemCodeOf } from '../errors.ts';
import { type Resolved, resolvePaths } from './config-path.ts';
import { describeIssue, schemaFaults } from './schema-faults.ts';
import { type Fault, YamlSource } from './yaml-source.ts';

/** A larger file is not a config file. */
const FILE_LIMIT_BYTES = 1024 * 1024;

/** A report is not made longer than this; a file with more faults is of another kind altogether. */
const FAULTS_SHOWN = 200;

/**
 * Reads the config file of a role. Relative paths in it start from its own folder.
 * @throws `config.missing`, `config.unreadable`, and `config.invalid`, whose message has every fault on a line of its
 * own as `file:line:column: key.path: what is wrong`
 */
export async function loadConfig<T>(
  path: string,
  schema: ZodType<T>,
  options: { readonly role: 'proxy' | 'bastion' | 'agent' },
): Promise<Resolved<T>> {
  const text = await readConfigFile(path);
  const source = new YamlSource(text);
  const folder = dirname(resolve(path));
  return resolvePaths(parseSource(source, schema, path, 'config.invalid', options.role), folder);
}

/**
 * Reads a YAML text (1.2, one document) and checks it against `schema`.
 * @param fileName what to call the text in the report
 * @param code code of the error, `config.invalid` unless given
 * @throws `code`, with every fault, as {@link loadConfig} does
 */
export function parseYamlWith<T>(
  text: string,
  schema: ZodType<T>,
  fileName: string,
  code = 'config.invalid',
): T {
  if (Buffer.byteLength(text) > FILE_LIMIT_BYTES) {
    throw new DrawbridgeError(code, `${fileName} is larger than 1 MiB.`);
  }
  return parseSource(new YamlSource(text), schema, fileName, code, undefined);
}

function parseSource<T>(
  source: YamlSource,
  schema: ZodType<T>,
  fileName: string,
  code: string,
  role: string | undefined,
): T {
  const syntaxFaults = source.syntaxFaults();
  if (syntaxFaults.length > 0) throw report(fileName, syntaxFaults, code);
  const value = documentValue(source, fileName, code);
  const foreign = role === undefined ? undefined : foreignRole(source, value, role);
  if (foreign !== undefined) throw report(fileName, [foreign], code);
  const parsed = schema.safeParse(value, { error: describeIssue, reportInput: false });
  if (parsed.success) return parsed.data;
  throw report(fileName, schemaFaults(source, schema, parsed.error.issues), code);
}

function documentValue(source: YamlSource, fileName: string, code: string): unknown {
  try {
    return source.value();
  } catch (error) {
    throw report(fileName, [{ line: 1, column: 1, path: '', text: messageOf(error) }], code);
  }
}

/** A file of another role would be one long list of faults that all mean the same. */
function foreignRole(source: YamlSource, value: unknown, role: string): Fault | undefined {
  if (typeof value !== 'object' || value === null || !('role' in value)) return undefined;
  const found = value.role;
  const isOther = found !== role && (found === 'proxy' || found === 'bastion' || found === 'agent');
  if (!isOther) return undefined;
  return {
    ...source.positionOf(['role']),
    path: 'role',
    text: `this is the config file of a ${found}, not of a ${role}`,
  };
}

function report(fileName: string, faults: readonly Fault[], code: string): DrawbridgeError {
  const sorted = [...faults].sort((a, b) => a.line - b.line || a.column - b.column);
  const lines = sorted.slice(0, FAULTS_SHOWN).map(({ line, column, path, text }) => {
    const where = `${fileName}:${line}:${column}`;
    return path === '' ? `${where}: ${text}` : `${where}: ${path}: ${text}`;
  });
  if (sorted.length > FAULTS_SHOWN) lines.push(`… and ${sorted.length - FAULTS_SHOWN} more`);
  const count = sorted.length === 1 ? 'one fault' : `${sorted.length} faults`;
  return new DrawbridgeError(code, `${fileName} has ${count}:\n${lines.join('\n')}`);
}

async function readConfigFile(path: string): Promise<string> {
  try {
    if ((await stat(path)).size > FILE_LIMIT_BYTES) {
      throw new DrawbridgeError('config.unreadable', `${path} is larger than 1 MiB.`, {
        hint: 'Check that this is the path of a config file.',
      });
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof DrawbridgeError) throw error;
    if (systemCodeOf(error) === 'ENOENT') {
      throw new DrawbridgeError('config.missing', `There is no config file ${path}.`, {
        hint: "Check the path after '--config', or make the file with 'init' or 'join'.",
        cause: error,
      });
    }
    const why =
      error instanceof TypeError ? 'it is not UTF-8 text' : (systemCodeOf(error) ?? messageOf(error));
    throw new DrawbridgeError('config.unreadable', `Could not read the config file ${path}: ${why}.`, {
      hint: 'Check that it is a text file that the account of Drawbridge may read.',
      cause: error,
    });
  }
}
