import { post } from './api.ts';
import { button, element, show } from './elements.ts';
import { problem } from './problem.ts';
import { qrCode } from './qr-code.ts';

interface Offered {
  readonly username: string;
  readonly totpUri: string;
  readonly totpSecret: string;
}

interface Kept {
  readonly username: string;
  readonly recoveryCodes: readonly string[];
}

/** Sets up an authenticator app with a one-time link. */
export async function authenticatorView(secret: string): Promise<void> {
  let offered: Offered;
  try {
    offered = await post<Offered>('/api/authenticator/begin', { secret });
  } catch (error) {
    show('Set up an authenticator', problem(error));
    return;
  }
  const status = element('div');
  const code = element('input');
  code.type = 'text';
  code.inputMode = 'numeric';
  code.autocomplete = 'one-time-code';
  code.maxLength = 10;
  const keep = button('Set it up', 'main', async () => {
    status.replaceChildren();
    try {
      const answer = { secret, code: code.value.trim() };
      showKept(await post<Kept>('/api/authenticator/finish', answer));
    } catch (error) {
      status.replaceChildren(problem(error));
    }
  });
  code.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') keep.click();
  });
  const typed = element('details', {}, element('summary', {}, 'Type it instead'));
  typed.append(element('p', { className: 'secret' }, groupsOf(offered.totpSecret)));
  show(
    'Set up an authenticator',
    element('p', {}, `For the operator ${offered.username}. Scan this with an authenticator app:`),
    qrCode(offered.totpUri, 'Picture to scan with an authenticator app'),
    typed,
    element('label', {}, 'The code that it shows now', code),
    keep,
    status,
    element(
      'p',
      { className: 'quiet' },
      'The authenticator before counts until then. After it, log in again: your logins end, and what is open is cut.',
    ),
  );
}

function showKept({ username, recoveryCodes }: Kept): void {
  const list = element('ul', { className: 'codes' });
  list.append(...recoveryCodes.map((one) => element('li', {}, one)));
  show(
    'It is set up',
    element('p', {}, `The authenticator counts for ${username} from now on.`),
    element(
      'p',
      {},
      'Recovery codes, each good once in place of a code. They are shown only now: keep them apart.',
    ),
    list,
    element('p', {}, 'Go back to your terminal: drawbridge login'),
  );
}

/** In groups of four, as people type them. */
function groupsOf(secret: string): string {
  return (secret.match(/.{1,4}/g) ?? []).join(' ');
}
