import { useState } from 'preact/hooks';
import { ErrorNote } from '../ui/notes.tsx';

interface KeyFormProps {
  /** Why the last key did not do. */
  readonly error: Error | undefined;
  readonly isBusy: boolean;
  readonly onKey: (key: string) => void;
}

/** Asks for the private key of an encrypted recording. It stays in this page, and is gone with it. */
export function KeyForm({ error, isBusy, onKey }: KeyFormProps) {
  const [key, setKey] = useState('');
  return (
    <form
      class="card key-form"
      onSubmit={(event) => {
        event.preventDefault();
        onKey(key);
      }}
    >
      <p>
        This recording is encrypted, and the bastion can not read it. It is opened here, in your browser: the
        key is not sent, and is forgotten when you leave.
      </p>
      <label>
        <span>Private key</span>
        <input
          type="password"
          name="age-identity"
          autocomplete="off"
          placeholder="AGE-SECRET-KEY-1…"
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      <label>
        <span>
          or its file <span class="muted">(of recordings keygen or age-keygen)</span>
        </span>
        <input
          type="file"
          onChange={(event) => {
            const [file] = event.currentTarget.files ?? [];
            void file?.text().then(setKey);
          }}
        />
      </label>
      {error !== undefined && <ErrorNote error={error} />}
      <div class="dialog-buttons">
        <button type="submit" class="primary" disabled={isBusy || key.trim() === ''}>
          {isBusy ? 'Opening…' : 'Open'}
        </button>
      </div>
    </form>
  );
}
