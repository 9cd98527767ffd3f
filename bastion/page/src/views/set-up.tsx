import { useEffect, useState } from 'preact/hooks';
import type { Me, OpenedSetup } from '../../../web/api.ts';
import type { ApiClient } from '../data/api-client.ts';
import { CodeField } from '../ui/code-field.tsx';
import { CopyLine } from '../ui/copy-line.tsx';
import { FrontCard } from '../ui/front-card.tsx';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { QrCode } from '../ui/qr-code.tsx';
import { useAction } from '../ui/use-action.ts';

const PASSWORD_MIN_CHARACTERS = 12;

interface SetUpProps {
  readonly api: ApiClient;
  /** What stands behind `#` in the link. */
  readonly secret: string;
  readonly onSignedIn: (me: Me) => void;
}

/** The first visit of an administrator: they choose a password and set up an authenticator app. */
export function SetUp({ api, secret, onSignedIn }: SetUpProps) {
  const [opened, setOpened] = useState<OpenedSetup | Error | undefined>(undefined);
  useEffect(() => {
    api.send<OpenedSetup>('POST', '/api/setup/open', { body: { secret } }).then(setOpened, setOpened);
  }, [api, secret]);
  return (
    <FrontCard title="Set up your account" class="set-up">
      {opened === undefined && <Loading rows={4} />}
      {opened instanceof Error && <ErrorNote error={opened} />}
      {opened !== undefined && !(opened instanceof Error) && (
        <SetUpForm api={api} secret={secret} opened={opened} onSignedIn={onSignedIn} />
      )}
    </FrontCard>
  );
}

function SetUpForm({ api, secret, opened, onSignedIn }: SetUpProps & { opened: OpenedSetup }) {
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const complete = useAction(async () => {
    onSignedIn(await api.send<Me>('POST', '/api/setup', { body: { secret, password, code } }));
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        complete.run();
      }}
    >
      <p class="muted">
        You are <strong>{opened.username}</strong>, with the role {opened.role}. This link works once.
      </p>
      <input type="hidden" name="username" autocomplete="username" value={opened.username} />
      <label>
        <span>
          New password <span class="muted">(at least {PASSWORD_MIN_CHARACTERS} characters)</span>
        </span>
        <input
          name="password"
          type="password"
          autocomplete="new-password"
          minLength={PASSWORD_MIN_CHARACTERS}
          required
          value={password}
          onInput={(event) => setPassword(event.currentTarget.value)}
        />
      </label>
      <div class="qr">
        <QrCode text={opened.totpUri} label="Secret for your authenticator app" />
        <p>Scan this with an authenticator app, or type the secret into it:</p>
      </div>
      <CopyLine text={opened.totpSecret} label="the secret" />
      <CodeField label="The code that the app shows now" value={code} onInput={setCode} />
      {complete.error !== undefined && <ErrorNote error={complete.error} />}
      <button type="submit" class="primary" disabled={complete.running}>
        {complete.running ? 'Checking…' : 'Set up and sign in'}
      </button>
    </form>
  );
}
