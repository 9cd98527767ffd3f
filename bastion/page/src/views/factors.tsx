import { useState } from 'preact/hooks';
import type { SecurityKeyList, SetupLink } from '../../../web/api.ts';
import { withBase } from '../data/base-path.ts';
import { usePage } from '../data/context.ts';
import { addKey } from '../data/security-key.ts';
import { useResource } from '../data/use-resource.ts';
import { Block } from '../ui/block.tsx';
import { AskedTakeAway, CredentialRow, CredentialRows } from '../ui/credential-rows.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { LastUsed, Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';

/** What one signs in with. */
export function Factors() {
  const { api } = usePage();
  const list = useResource<SecurityKeyList>('/api/me/security-keys', ({ type }) => type === 'user.changed');
  const [adding, setAdding] = useState(false);
  const remove = async (name: string) => {
    await api.send('DELETE', `/api/me/security-keys/${encodeURIComponent(name)}`);
    list.reload();
  };
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
      {choose.error !== undefined && <ErrorNote error={choose.error} />}
      <CredentialRows>
        <CredentialRow name="Password and authenticator app" about="both together">
          <button type="button" class="small" disabled={choose.running} onClick={() => choose.run()}>
            Choose anew…
          </button>
        </CredentialRow>
        {list.data?.keys.map(({ name, addedAt, lastUsedAt }) => (
          <CredentialRow
            key={name}
            name={name}
            about={
              <>
                security key, since <Moment at={addedAt} />
              </>
            }
            used={<LastUsed at={lastUsedAt} />}
          >
            <AskedTakeAway word="Remove" name={name} take={() => remove(name)}>
              You can not sign in with it any more. Password and authenticator app go on working.
            </AskedTakeAway>
          </CredentialRow>
        ))}
      </CredentialRows>
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
