import { type PublicKeyCredentialCreationOptionsJSON, startRegistration } from '@simplewebauthn/browser';
import { post } from './api.ts';
import { button, element, show } from './elements.ts';
import { problem } from './problem.ts';

interface Begun {
  readonly username: string;
  readonly options: PublicKeyCredentialCreationOptionsJSON;
}

/** Registers a security key with a one-time link. */
export async function registerView(secret: string): Promise<void> {
  let username: string;
  try {
    ({ username } = await post<Begun>('/api/register/challenge', { secret }));
  } catch (error) {
    show('Register a security key', problem(error));
    return;
  }
  const status = element('div');
  const name = element('input');
  name.type = 'text';
  name.maxLength = 64;
  name.value = 'security key';
  const register = button('Register', 'main', async () => {
    status.replaceChildren(element('p', { role: 'status' }, 'Waiting for your security key …'));
    try {
      // Asked for anew at each try: a challenge is good once.
      const { options } = await post<Begun>('/api/register/challenge', { secret });
      const response = await startRegistration({ optionsJSON: options });
      const answer = { secret, name: name.value.trim(), response };
      const kept = await post<{ name: string }>('/api/register/answer', answer);
      show(
        'Registered',
        element('p', {}, `The security key "${kept.name}" is registered for ${username}.`),
        element('p', {}, 'Sign in with it from your terminal: drawbridge login --security-key'),
      );
    } catch (error) {
      status.replaceChildren(problem(error));
    }
  });
  show(
    'Register a security key',
    element('p', {}, `For the operator ${username}. The key must ask for a PIN, a finger or a face.`),
    element('label', {}, 'Name of the key', name),
    register,
    status,
  );
}
