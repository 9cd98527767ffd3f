import type { Actor } from '../../shared/audit/event.ts';
import { personIn } from '../admins/provided-name.ts';

export interface ApproversOptions {
  /** Who is the same person: name of an administrator to names of operators. */
  readonly sameAs: Readonly<Record<string, readonly string[]>>;
  /** Who made an API token; undefined when there is none of this name. */
  readonly creatorOfToken: (name: string) => Promise<string | undefined>;
}

/** Knows which person stands behind an actor, so that nobody approves their own request, or twice. */
export class Approvers {
  readonly #sameAs: ReadonlyMap<string, readonly string[]>;
  readonly #creatorOfToken: ApproversOptions['creatorOfToken'];

  constructor(options: ApproversOptions) {
    this.#sameAs = new Map(
      Object.entries(options.sameAs).map(([admin, operators]) => [plain(admin), operators.map(plain)]),
    );
    this.#creatorOfToken = options.creatorOfToken;
  }

  /** The person behind an actor: of an API token, whoever made it. Undefined when nobody can be named. */
  async personOf(actor: Actor): Promise<string | undefined> {
    const name = nameOf(actor);
    if (name === undefined) return undefined;
    if (!actor.startsWith('token:')) return plain(name);
    const creator = await this.#creatorOfToken(name);
    // Tokens can be made by tokens, and who made the first is not known any more: such a chain approves nothing.
    if (creator === undefined || creator.startsWith('token:')) return undefined;
    return plain(creator.includes(':') ? creator.slice(creator.indexOf(':') + 1) : creator);
  }

  /** True when two approvals may be one person's. */
  mayBeOne(person: string, other: string): boolean {
    return mayBeOne(person, other);
  }

  /** True when the person may be the operator, by the same name or by what the configuration says. */
  isOperator(person: string, operator: string): boolean {
    const asked = plain(operator);
    return [person, ...(this.#sameAs.get(person) ?? [])].some((name) => mayBeOne(name, asked));
  }
}

/**
 * `alice` and `alice@corp.example`: one directory keeps what stands behind the name, the other cuts it off
 * (`usernameSuffix`). Who might be the same approves nothing of their own.
 */
function mayBeOne(one: string, other: string): boolean {
  if (one === other) return true;
  return one.includes('@') !== other.includes('@') && localPart(one) === localPart(other);
}

function localPart(name: string): string {
  return name.slice(0, `${name}@`.indexOf('@'));
}

function nameOf(actor: Actor): string | undefined {
  const at = actor.indexOf(':');
  return at < 0 ? undefined : actor.slice(at + 1);
}

/** Who signs in by a directory and who has an account of the same name are one person. */
function plain(name: string): string {
  return personIn(name).normalize('NFKC').toLowerCase();
}
