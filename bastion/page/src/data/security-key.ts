import type { Ceremony, Me } from '../../../web/api.ts';
import type { ApiClient } from './api-client.ts';

/** Signs in with whatever security key or passkey of this bastion the browser finds. */
export async function signInWithKey(api: ApiClient): Promise<Me> {
  const { startAuthentication } = await import('@simplewebauthn/browser');
  const { options } = await api.send<Ceremony>('POST', '/api/login/security-key/options');
  const optionsJSON = options as unknown as Parameters<typeof startAuthentication>[0]['optionsJSON'];
  const response = await startAuthentication({ optionsJSON }).catch(explain);
  return api.send<Me>('POST', '/api/login/security-key', { body: { response } });
}

/** Makes a new key of the person who is signed in. */
export async function addKey(api: ApiClient, name: string): Promise<void> {
  const { startRegistration } = await import('@simplewebauthn/browser');
  const { options } = await api.send<Ceremony>('POST', '/api/me/security-keys/options');
  const optionsJSON = options as unknown as Parameters<typeof startRegistration>[0]['optionsJSON'];
  const response = await startRegistration({ optionsJSON }).catch(explain);
  await api.send('POST', '/api/me/security-keys', { body: { name, response } });
}

/** Browsers say little on purpose: which key somebody has is nobody's business. */
function explain(error: unknown): never {
  if (error instanceof Error && error.name === 'InvalidStateError') {
    throw new Error('This security key is registered already. Use another one.');
  }
  if (error instanceof Error && error.name === 'NotAllowedError') {
    throw new Error('No security key has answered. Try again, and give its PIN, finger or face.');
  }
  throw error;
}
