import { type PublicKeyCredentialRequestOptionsJSON, startAuthentication } from '@simplewebauthn/browser';
import { post } from './api.ts';
import { button, element, show } from './elements.ts';
import { problem } from './problem.ts';

interface Shown {
  readonly code: string;
  readonly source: string;
  readonly sameNetwork: boolean;
}

/** Approves a `drawbridge login` that somebody has begun in a terminal. */
export async function signInView(id: string): Promise<void> {
  let shown: Shown;
  try {
    shown = await post<Shown>('/api/sign-in/show', { id });
  } catch (error) {
    show('Sign in', problem(error));
    return;
  }
  const status = element('div');
  const sure = element('input');
  sure.type = 'checkbox';
  const approve = button('Use a security key', 'main', async () => {
    status.replaceChildren(element('p', { role: 'status' }, 'Waiting for your security key …'));
    try {
      const optionsJSON = await post<PublicKeyCredentialRequestOptionsJSON>('/api/sign-in/challenge', { id });
      const response = await startAuthentication({ optionsJSON });
      const { username } = await post<{ username: string }>('/api/sign-in/answer', { id, response });
      show(
        'Signed in',
        element('p', {}, `You are signed in as ${username}. Go back to your terminal; this page is done.`),
      );
    } catch (error) {
      status.replaceChildren(problem(error));
    }
  });
  const deny = button('This was not me', '', async () => {
    try {
      await post('/api/sign-in/deny', { id });
      show(
        'Refused',
        element('p', {}, 'Nobody was signed in. Tell the administrator of the proxy who sent you here.'),
      );
    } catch (error) {
      status.replaceChildren(problem(error));
    }
  });
  approve.disabled = true;
  sure.addEventListener('change', () => {
    approve.disabled = !sure.checked;
  });
  const from = `The request came from ${shown.source}.`;
  show(
    'Sign in to Drawbridge',
    element('p', {}, 'Your terminal must show this code at this moment:'),
    element('p', { className: 'code' }, shown.code),
    shown.sameNetwork
      ? element('p', { className: 'quiet' }, from)
      : element('p', { className: 'warn' }, `${from} That is another network than this browser's.`),
    element(
      'p',
      {},
      'If you did not type `drawbridge login` yourself, somebody else wants to get in as you.',
    ),
    element('label', {}, sure, ' My own terminal shows this code'),
    approve,
    deny,
    status,
  );
}
