import { authenticatorView } from './authenticator.ts';
import { element, show } from './elements.ts';
import { registerView } from './register.ts';
import { signInView } from './sign-in.ts';

const secret = location.hash.slice(1);
// Out of the address bar and the history: a link is good once, and for one person.
history.replaceState(null, '', location.pathname);

if (secret === '') {
  show('Drawbridge', element('p', {}, 'Open the whole link that the command has printed.'));
} else if (location.pathname === '/register') {
  void registerView(secret);
} else if (location.pathname === '/authenticator') {
  void authenticatorView(secret);
} else {
  void signInView(secret);
}
