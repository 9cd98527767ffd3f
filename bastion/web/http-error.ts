import type { FastifyError } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { Problem } from './api.ts';

/** A refusal as it goes to the caller. */
export interface HttpRefusal {
  readonly status: number;
  readonly body: Problem;
}

/** Statuses of error codes, exact or by their last word. Anything else raised on purpose is a 500 with its text. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  'login.refused': 401,
  'login.required': 401,
  'login.too_many_attempts': 429,
  'login.busy': 503,
  'login.not_fresh': 403,
  'login.provided': 403,
  'login.provider_unavailable': 503,
  'setup.refused': 403,
  'setup.wrong_code': 422,
  'admin.invalid_name': 422,
  'admin.invalid_password': 422,
  'admin.exists': 409,
  'admin.last': 409,
  'security_key.no_domain': 409,
  'security_key.known': 409,
  'security_key.too_many': 409,
  'security_key.unverified': 422,
  'security_key.invalid_name': 422,
  'request.too_many': 429,
  'request.cross_site': 403,
  'request.not_json': 415,
  'request.role': 403,
  'request.too_many_streams': 503,
  'session.not_live': 409,
  'recording.not_indexed': 409,
  'recording.held': 409,
  'recording.not_held': 409,
  'recording.live': 409,
  'recording.deleted': 410,
  'api_token.exists': 409,
  'api_token.too_many': 409,
  'policy.invalid': 422,
  'policy.changed_meanwhile': 409,
  'access.not_stored': 503,
  'audit.not_sealed': 409,
  'audit.verifying': 409,
  'audit.unavailable': 503,
  'enrolment.refused': 403,
  'page.not_built': 503,
};

const MALFORMED_CODES = new Set(['usage', 'token', 'request']);

/** Turns anything that was thrown into an answer. What is unknown is logged and tells the caller nothing. */
export function refusalFor(error: unknown, log: Logger): HttpRefusal {
  if (isDrawbridgeError(error)) return { status: statusOf(error.code), body: problemOf(error) };
  if (hasZodFastifySchemaValidationErrors(error)) {
    const faults = error.validation.map((fault) => describeFault(fault.instancePath, fault.message));
    return refuse(400, 'request.invalid', `The request is not valid: ${faults.join('; ')}.`);
  }
  const status = clientStatusOf(error);
  if (status !== undefined) return refuse(status, ...wordsForStatus(status));
  log.error({ err: error }, 'a request failed for a reason that the program did not foresee');
  return refuse(500, 'internal', 'Something went wrong inside the bastion.', 'Its log says more.');
}

function problemOf(error: DrawbridgeError): Problem {
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}

function statusOf(code: string): number {
  const exact = STATUS_BY_CODE[code];
  if (exact !== undefined) return exact;
  if (code.endsWith('.not_found')) return 404;
  return MALFORMED_CODES.has(code.split('.')[0] ?? '') ? 400 : 500;
}

function refuse(status: number, code: string, message: string, hint?: string): HttpRefusal {
  return { status, body: { code, message, ...(hint === undefined ? {} : { hint }) } };
}

function describeFault(path: string, message: string | undefined): string {
  const field = path.replace(/^\//, '').replaceAll('/', '.');
  return field === '' ? (message ?? 'it is malformed') : `${field}: ${message ?? 'it is malformed'}`;
}

/** Fastify's own complaints about a request carry a 4xx status. */
function clientStatusOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  const { statusCode } = error as Partial<FastifyError>;
  return statusCode !== undefined && statusCode >= 400 && statusCode < 500 ? statusCode : undefined;
}

function wordsForStatus(status: number): [code: string, message: string] {
  switch (status) {
    case 404:
      return ['request.not_found', 'There is nothing at this address.'];
    case 405:
      return ['request.method', 'This address does not take this method.'];
    case 413:
      return ['request.too_large', 'The request is larger than this address takes.'];
    case 415:
      return ['request.not_json', 'The body of the request must be application/json.'];
    case 429:
      return ['request.too_many', 'There were too many requests.'];
    default:
      return ['request.malformed', 'The request could not be read.'];
  }
}

/** What a caller gets who asks for an address that does not exist. */
export function nothingHere(): DrawbridgeError {
  return new DrawbridgeError('request.not_found', 'There is nothing at this address.');
}
