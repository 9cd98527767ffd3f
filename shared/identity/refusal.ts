import { DrawbridgeError } from '../errors.ts';

/** Why a signed statement was not believed. Stable words: they stand in audit events. */
export type RefusalReason =
  | 'malformed'
  | 'too_large'
  | 'wrong_type'
  | 'unknown_issuer'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'bad_signature'
  | 'not_yet_valid'
  | 'expired'
  | 'too_long'
  | 'login_expired'
  | 'wrong_key'
  | 'replayed';

const CLOCK_HINT = 'Check that the clocks of both machines are right (NTP); they may be 30 s apart.';

/** What each reason means, as the end of a sentence. */
const MEANING: Readonly<Record<RefusalReason, string>> = {
  malformed: 'it is not well formed',
  too_large: 'it is larger than any real one',
  wrong_type: 'it is a statement of another kind',
  unknown_issuer: 'nobody with this id is known here',
  wrong_issuer: 'it was made by somebody else than expected',
  wrong_audience: 'it was made for somebody else',
  bad_signature: 'its signature does not fit the known key',
  not_yet_valid: 'it is from the future',
  expired: 'it has expired',
  too_long: 'it claims to live longer than is allowed',
  wrong_key: 'it was made for another key',
  login_expired: 'the login that it speaks of is over',
  replayed: 'it was used before',
};

/** A signed statement was refused. `reason` is for the audit log; the peer gets only the code. */
export class StatementRefused extends DrawbridgeError {
  readonly reason: RefusalReason;

  constructor(code: string, what: string, reason: RefusalReason, cause?: unknown) {
    const aboutTime = reason === 'not_yet_valid' || reason === 'expired' || reason === 'login_expired';
    super(code, `The ${what} was refused: ${MEANING[reason]}.`, {
      ...(aboutTime ? { hint: CLOCK_HINT } : {}),
      ...(cause === undefined ? {} : { cause }),
    });
    this.name = 'StatementRefused';
    this.reason = reason;
  }
}

/** The reason in a {@link StatementRefused}, for the audit log; `undefined` for any other error. */
export function refusalReasonOf(error: unknown): RefusalReason | undefined {
  return error instanceof StatementRefused ? error.reason : undefined;
}
