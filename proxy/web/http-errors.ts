import { DrawbridgeError } from '../../shared/errors.ts';

/** HTTP status by error code; by the part before the dot where a code has no line of its own. */
const STATUS: Readonly<Record<string, number>> = {
  'request.invalid': 400,
  'request.too_large': 413,
  'request.unsupported': 415,
  'request.not_found': 404,
  'request.upgrade': 426,
  'login.refused': 401,
  'login.limited': 429,
  'login.busy': 503,
  'login.key_type': 400,
  'login.provider_unknown': 404,
  'login.provider_refused': 401,
  'login.account_taken': 403,
  'login.renamed': 403,
  'login.disabled': 403,
  id_token: 401,
  'id_token.keys_unavailable': 503,
  'id_token.keys_too_old': 503,
  'ssh.invalid_key': 400,
  'key.exists': 409,
  'login.not_fresh': 403,
  'sign_in.over': 410,
  'registration.refused': 410,
  'authenticator.wrong_code': 422,
  'security_key.known': 409,
  'security_key.too_many': 409,
  'security_key.invalid_name': 400,
  'security_key.unverified': 400,
  'security_key.no_domain': 409,
  'security_key.provider_account': 403,
  'page.not_built': 503,
  'device.refused': 403,
  'device.revoked': 403,
  'device.too_many': 409,
  'device.invalid_name': 400,
  'operator.unauthenticated': 401,
  'operator.login_ended': 401,
  'operator.too_many_connections': 429,
  'enrolment.refused': 403,
  'enrolment.spent': 403,
  'enrolment.name_taken': 409,
  'enrolment.id_taken': 409,
  'enrolment.limited': 429,
  'destination.invalid': 400,
  'bastion.unknown': 404,
  'bastion.offline': 503,
  'bastion.silent': 504,
  'bastion.failed': 502,
  'proxy.stopping': 503,
  'audit.unavailable': 503,
  'store.unreadable': 500,
  'store.disk_full': 503,
  tunnel: 503,
};

/** A refusal as it goes out: the status, and `{code, message, hint?}`. */
export interface HttpRefusal {
  readonly status: number;
  readonly body: { readonly code: string; readonly message: string; readonly hint?: string };
}

/**
 * How an error is told to an HTTP client. `fallbackStatus` is for codes that are not ours to know (a bastion's own
 * refusals). What was not raised on purpose becomes a plain 500 that tells nothing.
 */
export function httpRefusalOf(error: unknown, fallbackStatus = 500): HttpRefusal {
  const refused = error instanceof DrawbridgeError ? error : fromHttpLayer(error);
  if (refused === undefined) {
    const message = 'Something went wrong in the proxy; its log says what.';
    return { status: 500, body: { code: 'internal', message } };
  }
  const { code, message, hint } = refused;
  const status = STATUS[code] ?? STATUS[code.split('.')[0] ?? ''] ?? fallbackStatus;
  return { status, body: { code, message, ...(hint === undefined ? {} : { hint }) } };
}

/** Faults that the HTTP layer finds in a request carry a status from 400 to 499. */
function fromHttpLayer(error: unknown): DrawbridgeError | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  switch (error.statusCode) {
    case 413:
      return new DrawbridgeError('request.too_large', 'The request is too large.');
    case 415:
      return new DrawbridgeError('request.unsupported', 'The body must be JSON (application/json).');
    default:
      if (typeof error.statusCode !== 'number' || error.statusCode < 400 || error.statusCode > 499)
        return undefined;
      return new DrawbridgeError('request.invalid', 'The request is not well formed.', {
        hint: 'The body must be one JSON object.',
      });
  }
}
