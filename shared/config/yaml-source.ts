import { type Document, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';

/** Where something stands in a file; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong with a file. */
export interface Fault extends Position {
  /** Key path such as `https.port`; empty for the whole document. */
  readonly path: string;
  readonly text: string;
}

/** A step from a mapping or list to what is in it. */
export type Step = string | number;

/** Aliases may be used this many times in all; more is an attempt to blow up the memory. */
const ALIAS_LIMIT = 100;

/** A YAML 1.2 text that remembers where everything stands. */
export class YamlSource {
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(text: string) {
    this.#lines = new LineCounter();
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, version: '1.2' });
  }

  /** What is wrong with it as YAML: duplicate keys and unknown tags included. */
  syntaxFaults(): Fault[] {
    const { errors, warnings } = this.#document;
    return [...errors, ...warnings].map((error) => ({
      ...this.#position(error.pos[0]),
      path: '',
      text: `this is not valid YAML: ${error.message}`,
    }));
  }

  /** The value. An empty document is an empty mapping. @throws when aliases are used beyond all measure */
  value(): unknown {
    return this.#document.toJS({ maxAliasCount: ALIAS_LIMIT }) ?? {};
  }

  /** True when there is a value at `path`, be it null. */
  has(path: readonly Step[]): boolean {
    return this.#nodesOn(path) !== undefined;
  }

  /** Where the value at `path` stands, or what is nearest above it when it is missing. */
  positionOf(path: readonly Step[]): Position {
    for (let length = path.length; length > 0; length -= 1) {
      const found = this.#nodesOn(path.slice(0, length));
      const node = found === undefined ? undefined : (found.value ?? found.key);
      if (node?.range) return this.#position(node.range[0]);
    }
    return this.#position(this.#document.contents?.range?.[0] ?? 0);
  }

  /** Where the key at the end of `path` stands. */
  positionOfKey(path: readonly Step[]): Position {
    const key = this.#nodesOn(path)?.key;
    return key?.range ? this.#position(key.range[0]) : this.positionOf(path);
  }

  #nodesOn(path: readonly Step[]): { key: Node | undefined; value: Node | undefined } | undefined {
    let key: Node | undefined;
    let value: unknown = this.#document.contents;
    for (const step of path) {
      const child = this.#childOf(value, step);
      if (child === undefined) return undefined;
      key = child.key;
      value = child.value;
    }
    return { key, value: isNode(value) ? value : undefined };
  }

  #childOf(parent: unknown, step: Step): { key: Node | undefined; value: unknown } | undefined {
    const node = this.#resolveAlias(parent);
    if (isSeq(node)) {
      const item = typeof step === 'number' ? node.items[step] : undefined;
      return item === undefined ? undefined : { key: undefined, value: item };
    }
    if (!isMap(node)) return undefined;
    const pair = node.items.find(
      (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
    );
    return pair === undefined || !isNode(pair.key) ? undefined : { key: pair.key, value: pair.value };
  }

  #resolveAlias(node: unknown): unknown {
    return isNode(node) && 'resolve' in node && typeof node.resolve === 'function'
      ? node.resolve(this.#document)
      : node;
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'range' in value;
}
