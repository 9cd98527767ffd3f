import { useEffect, useRef, useState } from 'preact/hooks';
import type { Me, ProviderStart, SignInWays } from '../../../web/api.ts';
import type { ApiClient } from '../data/api-client.ts';
import { signInWithKey } from '../data/security-key.ts';
import { CodeField } from '../ui/code-field.tsx';
import { focusFirstField } from '../ui/first-field.ts';
import { FrontCard } from '../ui/front-card.tsx';
import { Icon } from '../ui/icon.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { useAction } from '../ui/use-action.ts';

interface SignInProps {
  readonly api: ApiClient;
  /** Somebody was signed in until now. */
  readonly expired: boolean;
  readonly onSignedIn: (me: Me) => void;
}

/** Name, password and one-time code, in one step. */
export function SignIn({ api, expired, onSignedIn }: SignInProps) {
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const signIn = useAction(async () => {
    try {
      onSignedIn(await api.send<Me>('POST', '/api/login', { body: { username, password, code } }));
    } catch (error) {
      setCode('');
      throw error;
    }
  });
  const withKey = useAction(async () => onSignedIn(await signInWithKey(api)));
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => focusFirstField(form.current), []);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    signIn.run();
  };
  return (
    <FrontCard title="Sign in">
      {expired ? (
        <p role="status">Your sign-in has ended. Sign in to go on where you were.</p>
      ) : (
        <p class="muted">Remote access to your hosts is decided here.</p>
      )}
      <form ref={form} onSubmit={submit}>
        <label>
          User name
          <input
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            value={username}
            onInput={(event) => setUsername(event.currentTarget.value)}
          />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autocomplete="current-password"
            required
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
        <CodeField label="Code from your authenticator app" value={code} onInput={setCode} />
        {signIn.error !== undefined && <ErrorNote error={signIn.error} />}
        <button type="submit" class="primary" disabled={signIn.running}>
          {signIn.running ? 'Checking…' : 'Sign in'}
        </button>
        <p class="or">
          <span>or</span>
        </p>
        <button type="button" disabled={withKey.running} onClick={() => withKey.run()}>
          <Icon name="key" />
          {withKey.running ? 'Waiting for your security key…' : 'Use a security key or passkey'}
        </button>
        {withKey.error !== undefined && <ErrorNote error={withKey.error} />}
        <ProviderButton api={api} />
      </form>
    </FrontCard>
  );
}

/** The bastion sends the browser here when the directory's answer was not taken. */
const REFUSED_HASH = '#provider-refused';

/** The way over the customer's directory, where there is one. */
function ProviderButton({ api }: { api: ApiClient }) {
  const [ways, setWays] = useState<SignInWays>({});
  const [refused] = useState(() => window.location.hash === REFUSED_HASH);
  useEffect(() => {
    if (refused) window.history.replaceState(null, '', window.location.pathname);
    // Without an answer there is no button; the other ways are there.
    api.get<SignInWays>('/api/login/ways').then(setWays, () => undefined);
  }, [api, refused]);
  const leave = useAction(async () => {
    const { location } = await api.send<ProviderStart>('POST', '/api/login/provider');
    window.location.assign(location);
  });
  if (ways.provider === undefined) return null;
  return (
    <>
      <button type="button" disabled={leave.running} onClick={() => leave.run()}>
        <Icon name="person" />
        Sign in with {ways.provider.title}
      </button>
      {refused && !leave.running && (
        <div class="note note-bad" role="alert">
          <Icon name="alert" />
          <span>Your sign-in with {ways.provider.title} was not accepted here. The audit log says why.</span>
        </div>
      )}
      {leave.error !== undefined && <ErrorNote error={leave.error} />}
    </>
  );
}
