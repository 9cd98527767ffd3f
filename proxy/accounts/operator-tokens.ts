import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { readOperatorTokenFingerprint, verifyOperatorToken } from '../../shared/identity/operator-token.ts';
import { refusalReasonOf } from '../../shared/identity/refusal.ts';
import { SeenOnce } from '../../shared/identity/seen-once.ts';
import { ed25519KeyObjectFromBlob, parsePublicLine } from '../../shared/ssh/keys.ts';
import type { KeyStanding, Operators, ProvenOperator } from './operators.ts';
import type { Refusals } from './refusals.ts';

/** Tokens that are remembered until they expire (a minute); at the bound, new ones are refused. */
const SEEN_TOKENS_LIMIT = 100_000;

/** Checks the bearer tokens that an operator's command signs with the login key. */
export class OperatorTokens {
  readonly #operators: Operators;
  readonly #refusals: Refusals;
  readonly #audience: string;
  readonly #seen: SeenOnce;
  readonly #clock: Clock;

  constructor(parts: {
    readonly operators: Operators;
    readonly refusals: Refusals;
    /** Id of this proxy. */
    readonly audience: string;
    readonly clock: Clock;
  }) {
    this.#operators = parts.operators;
    this.#refusals = parts.refusals;
    this.#audience = parts.audience;
    this.#clock = parts.clock;
    this.#seen = new SeenOnce({ limit: SEEN_TOKENS_LIMIT, clock: parts.clock });
  }

  /**
   * Who signed the token.
   * @throws `operator.unauthenticated`; `operator.login_ended` to the holder of a key whose login is over.
   */
  async verify(token: string, source: string): Promise<ProvenOperator> {
    const standing = await this.#standing(token, source);
    if (standing.kind === 'login') return standing.operator;
    // Only who has signed is told, and named, by anything that is known of the key.
    const known = standing.kind === 'ended' ? { operator: standing.username } : {};
    const reason = standing.kind === 'ended' ? `login_${standing.why}` : 'unknown_key';
    await this.#refusals.add({ type: 'operator.refused', reason, source, by: 'token', ...known });
    if (standing.kind !== 'ended') throw unauthenticated();
    if (standing.why === 'device_revoked') throw deviceRevoked();
    throw new DrawbridgeError('operator.login_ended', 'Your login has ended.', {
      hint: 'Run `drawbridge login` and try again.',
    });
  }

  async #standing(token: string, source: string): Promise<KeyStanding> {
    try {
      const standing = await this.#operators.standingOf(readOperatorTokenFingerprint(token));
      if (standing.kind !== 'login' && standing.kind !== 'ended') return standing;
      const key = parsePublicLine(standing.publicLine);
      // A registered key of another type: no token can be signed with it.
      if (key.type !== 'ssh-ed25519') return { kind: 'unknown' };
      await verifyOperatorToken(token, {
        publicKey: ed25519KeyObjectFromBlob(key.blob),
        audience: this.#audience,
        seen: this.#seen,
        clock: this.#clock,
      });
      return standing;
    } catch (error) {
      const reason = refusalReasonOf(error);
      if (reason === undefined) throw error;
      await this.#refusals.add({ type: 'operator.refused', reason: `token_${reason}`, source, by: 'token' });
      throw unauthenticated(error);
    }
  }
}

function deviceRevoked(): DrawbridgeError {
  return new DrawbridgeError(
    'operator.login_ended',
    'This device has been revoked, and your login with it.',
    {
      hint: 'Ask the administrator of the proxy, and enrol it anew with `drawbridge device enroll`.',
    },
  );
}

function unauthenticated(cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('operator.unauthenticated', 'You are not logged in.', {
    hint: 'Run `drawbridge login`. If you are logged in, the clock of your machine or of the proxy may be wrong: `drawbridge doctor` compares them.',
    cause,
  });
}
