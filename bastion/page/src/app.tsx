import { useEffect, useState } from 'preact/hooks';
import type { Me } from '../../web/api.ts';
import { type ApiClient, ApiError } from './data/api-client.ts';
import { withBase } from './data/base-path.ts';
import { ClockContext, PageContextProvider } from './data/context.ts';
import { PolicyDraft } from './data/draft.ts';
import { Updates } from './data/updates.ts';
import { Router } from './router.tsx';
import { Shell } from './shell.tsx';
import { ErrorNote } from './ui/notes.tsx';
import { SetUp } from './views/set-up.tsx';
import { SignIn } from './views/sign-in.tsx';

type SignInState =
  | { readonly kind: 'asking' }
  | { readonly kind: 'setting-up'; readonly secret: string }
  /** `expired`: somebody was in, and did not leave. */
  | { readonly kind: 'out'; readonly expired: boolean }
  | { readonly kind: 'in'; readonly me: Me }
  | { readonly kind: 'failed'; readonly error: Error };

const SET_UP_PATH = '/set-up';

/** A bastion that does not answer is asked again after so long. */
const RETRY_MS = 3_000;

function firstState(): SignInState {
  const { pathname, hash } = window.location;
  return pathname === withBase(SET_UP_PATH)
    ? { kind: 'setting-up', secret: hash.slice(1) }
    : { kind: 'asking' };
}

/** The whole page: the sign-in, or what is behind it. */
export function App({ api }: { api: ApiClient }) {
  return (
    <ClockContext.Provider value={api.clock}>
      <Door api={api} />
    </ClockContext.Provider>
  );
}

function Door({ api }: { api: ApiClient }) {
  const [state, setState] = useState<SignInState>(firstState);
  const [tries, setTries] = useState(0);

  useEffect(() => {
    if (state.kind === 'setting-up') return;
    const stop = api.onSignedOut(() =>
      setState((old) => (old.kind === 'out' ? old : { kind: 'out', expired: old.kind === 'in' })),
    );
    api.get<Me>('/api/me').then(
      (me) => setState({ kind: 'in', me }),
      (error: Error) => {
        if (!(error instanceof ApiError && error.status === 401)) setState({ kind: 'failed', error });
      },
    );
    return stop;
  }, [api, state.kind === 'setting-up', tries]);

  useEffect(() => {
    if (state.kind !== 'failed') return;
    const timer = setTimeout(() => setTries((count) => count + 1), RETRY_MS);
    return () => clearTimeout(timer);
  }, [state]);

  switch (state.kind) {
    case 'asking':
      return <main class="center" aria-busy="true" />;
    case 'failed':
      return (
        <main class="center">
          <ErrorNote error={state.error} retry={() => setTries((count) => count + 1)} />
        </main>
      );
    case 'setting-up':
      return (
        <SetUp
          api={api}
          secret={state.secret}
          onSignedIn={(me) => {
            // The link is spent; it shall not stay in the history either.
            window.history.replaceState(null, '', withBase('/'));
            setState({ kind: 'in', me });
          }}
        />
      );
    case 'out':
      return <SignIn api={api} expired={state.expired} onSignedIn={(me) => setState({ kind: 'in', me })} />;
    case 'in':
      return (
        <Router>
          <SignedIn api={api} me={state.me} onSignedOut={() => setState({ kind: 'out', expired: false })} />
        </Router>
      );
  }
}

function SignedIn({ api, me, onSignedOut }: { api: ApiClient; me: Me; onSignedOut: () => void }) {
  const [updates] = useState(
    () => new Updates(() => void api.get('/api/me', { background: true }).catch(() => undefined)),
  );
  useEffect(() => {
    updates.start();
    return () => updates.stop();
  }, [updates]);
  const [draft] = useState(() => new PolicyDraft(window.sessionStorage));
  const signOut = () => {
    draft.drop();
    // The server ends the stream with the sign-in; asking why would only be answered with 401.
    updates.stop();
    api.send('POST', '/api/logout').then(onSignedOut, onSignedOut);
  };
  return (
    <PageContextProvider.Provider value={{ api, updates, me, draft }}>
      <Shell onSignOut={signOut} />
    </PageContextProvider.Provider>
  );
}
