import { WebAuthnError } from '@simplewebauthn/browser';
import { Refused } from './api.ts';
import { element } from './elements.ts';

/** What went wrong, as a sentence and what to do about it. */
export function problem(error: unknown): HTMLElement {
  return element('p', { className: 'warn', role: 'alert' }, sentenceOf(error));
}

function sentenceOf(error: unknown): string {
  if (error instanceof Refused) return `${error.message} ${error.hint}`.trim();
  if (error instanceof TypeError) return 'The proxy can not be reached. Try again.';
  if (error instanceof WebAuthnError && error.code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED')
    return 'This security key is registered for you already. Use another one.';
  if (error instanceof Error && error.name === 'NotAllowedError')
    return 'The browser got no answer from a security key that verifies its user. Try again, and give its PIN, finger or face.';
  if (error instanceof Error) return `The browser could not ask the security key: ${error.message}`;
  return 'The browser could not ask the security key.';
}
