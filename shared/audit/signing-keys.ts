import { isIdOfThumbprint, type PublicJwk, thumbprintOf } from '../identity/keys.ts';
import { openSuccession, type Succession } from '../identity/succession.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint-note.ts';
import type { AuditEvent } from './event.ts';

/**
 * The keys that signed a log, one after the other. At each place of the log exactly one is right: a key that was replaced,
 * and that somebody may have got hold of since, signs nothing that comes later.
 */
export class SigningKeys {
  readonly #keys: PublicJwk[];
  /** Of the role, once a succession told it. */
  #id: string | undefined;
  #current: PublicJwk;

  private constructor(keys: readonly PublicJwk[], current: PublicJwk, id: string | undefined) {
    this.#keys = [...keys];
    this.#current = current;
    this.#id = id;
  }

  /**
   * @param publicJwk any key of the role that one trusts
   * @param successions how the role's keys followed each other up to `publicJwk`; without them the log must begin with it.
   *   They may come from whoever is to be verified: only a chain that begins with the key that the id follows from counts,
   *   since anybody can sign that a key of theirs was followed by a trusted one
   * @param id the role's, when it is known from elsewhere
   * @throws `identity.refused` when one of the successions is not signed
   */
  static async of(publicJwk: PublicJwk, successions: readonly string[], id?: string): Promise<SigningKeys> {
    const chain: Succession[] = [];
    for (const statement of successions) chain.push(await openSuccession(statement));
    const until = chain.findIndex(({ to }) => to.x === publicJwk.x);
    const before = chain.slice(0, until + 1);
    const [first] = before;
    if (first === undefined) return new SigningKeys([publicJwk], publicJwk, undefined);
    const keys = [first.from, ...before.map(({ to }) => to)];
    const isChain =
      isIdOfThumbprint(first.id, thumbprintOf(first.from)) &&
      (id === undefined || id === first.id) &&
      before.every((next, index) => next.id === first.id && next.from.x === keys[index]?.x);
    if (!isChain) return new SigningKeys([publicJwk], publicJwk, undefined);
    return new SigningKeys(keys, first.from, first.id);
  }

  /** Follows the log over an event that the role got a new key. Says what is wrong with it, if something is. */
  async take(event: AuditEvent): Promise<string | undefined> {
    const statement = event['succession'];
    return typeof statement === 'string'
      ? this.follow(statement)
      : 'it does not bring what the old key signed';
  }

  /** Follows one succession, in the order of the log. Says what is wrong with it, if something is. */
  async follow(statement: string): Promise<string | undefined> {
    let succession: Succession;
    try {
      succession = await openSuccession(statement);
    } catch {
      return 'what it brings was not signed with the old key';
    }
    const { id, from, to } = succession;
    if (from.x !== this.#current.x || (this.#id !== undefined && id !== this.#id))
      return 'it does not follow from the key that signed until then';
    this.#id = id;
    this.#current = to;
    if (!this.#keys.some((key) => key.x === to.x)) this.#keys.push(to);
    return undefined;
  }

  /** A checkpoint that stands in the log at this place. @throws `audit.bad_checkpoint` */
  open(note: string): Checkpoint {
    return openCheckpoint(note, this.#current, this.#id);
  }

  /** A checkpoint that was kept elsewhere, of whatever time. @throws `audit.bad_checkpoint` */
  openKept(note: string): Checkpoint {
    let problem: unknown;
    for (const key of this.#keys) {
      try {
        return openCheckpoint(note, key, this.#id);
      } catch (error) {
        problem = error;
      }
    }
    throw problem;
  }

  /** The key that signs at the end. */
  get current(): PublicJwk {
    return this.#current;
  }
}
