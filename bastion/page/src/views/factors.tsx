import { useState } from 'preact/hooks';
import type { SecurityKeyList, SetupLink } from '../../../web/api.ts';
import { withBase } from '../data/base-path.ts';
import { usePage } from '../data/context.ts';
import { addKey } from '../data/security-key.ts';
import { useResource } from '../data/use-resource.ts';
import { Block } from '../ui/block.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { LastUsed, Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';

/** What one signs in with. */
export function Factors() {
  const { api } = usePage();
  const list = useResource<SecurityKeyList>('/api/me/security-keys', ({ type }) => type === 'user.changed');
  const [adding, setAdding] = useState(false);
  const remove = useAction(async (name: string) => {
    await api.send('DELETE', `/api/me/security-keys/${encodeURIComponent(name)}`);
    list.reload();
  });
  const choose = useAction(async () => {
    const { url } = await api.send<SetupLink>('POST', '/api/me/setup-link');
    window.location.assign(withBase(`/set-up${new URL(url).hash}`));
  });
  return (
    <Block
      title="What you sign in with"
      action={{ words: 'Add a security key…', run: () => setAdding(true) }}
    >
      {list.error !== undefined && <ErrorNote error={list.error} retry={list.reload} />}
      {remove.error !== undefined && <ErrorNote error={remove.error} />}
      {choose.error !== undefined && <ErrorNote error={choose.error} />}
      <div class="rows sign-in-rows">
        <ul>
          <li class="row">
            <span class="strong">Password and authenticator app</span>
            <span class="muted">both together</span>
            <span class="muted" />
            <span class="row-end">
              <button type="button" class="small" disabled={choose.running} onClick={() => choose.run()}>
                Choose anew…
              </button>
            </span>
          </li>
          {list.data?.keys.map((key) => (
            <li key={key.name} class="row">
              <span class="strong">{key.name}</span>
              <span class="muted">
                security key, since <Moment at={key.addedAt} />
              </span>
              <span class="muted">
                <LastUsed at={key.lastUsedAt} />
              </span>
              <span class="row-end">
                <button
                  type="button"
                  class="small"
                  aria-label={`Remove ${key.name}`}
                  onClick={() => remove.run(key.name)}
                >
                  Remove
                </button>
              </span>
            </li>
          ))}
        </ul>
      </div>
      {adding && (
        <AddKey
          onClose={() => {
            setAdding(false);
            list.reload();
          }}
        />
      )}
    </Block>
  );
}

function AddKey({ onClose }: { onClose: () => void }) {
  const { api } = usePage();
  const [name, setName] = useState('Security key');
  const add = useAction(async () => {
    await addKey(api, name.trim());
    onClose();
  });
  return (
    <FormDialog
      title="Add a security key"
      action={add}
      submit={add.running ? 'Waiting for the key…' : 'Ask the key'}
      onClose={onClose}
    >
      <p>
        A security key or passkey that asks for a PIN, a finger or a face. With it you sign in without
        password and code.
      </p>
      <label>
        Name
        <input
          name="name"
          required
          maxLength={64}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
    </FormDialog>
  );
}
