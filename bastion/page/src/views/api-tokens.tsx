import { useState } from 'preact/hooks';
import type { AdminRole, ApiTokenList, CreatedApiToken } from '../../../web/api.ts';
import { withBase } from '../data/base-path.ts';
import { usePage } from '../data/context.ts';
import { useResource } from '../data/use-resource.ts';
import { Block } from '../ui/block.tsx';
import { AskedTakeAway, CredentialRow, CredentialRows } from '../ui/credential-rows.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { actorWords } from '../ui/format.ts';
import { Empty, ErrorNote } from '../ui/notes.tsx';
import { ShownOnce } from '../ui/shown-once.tsx';
import { LastUsed } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';
import { RoleChoice } from './role-choice.tsx';

/** The tokens of programs. */
export function ApiTokens() {
  const { api } = usePage();
  const list = useResource<ApiTokenList>('/api/api-tokens', ({ type }) => /^(token|user)\./.test(type));
  const [adding, setAdding] = useState(false);
  const revoke = async (name: string) => {
    await api.send('DELETE', `/api/api-tokens/${encodeURIComponent(name)}`);
    list.reload();
  };
  return (
    <Block title="API tokens" action={{ words: 'New token…', run: () => setAdding(true) }}>
      <p class="muted">
        For programs. All that this page does, they can do too;{' '}
        <a href={withBase('/api/openapi.json')}>the API describes itself</a>.
      </p>
      {list.error !== undefined && <ErrorNote error={list.error} retry={list.reload} />}
      {list.data?.tokens.length === 0 && <Empty title="No API tokens" />}
      <CredentialRows>
        {list.data?.tokens.map(({ name, role, createdBy, lastUsedAt }) => (
          <CredentialRow
            key={name}
            name={name}
            about={`${role}, by ${actorWords(createdBy)}`}
            used={<LastUsed at={lastUsedAt} />}
          >
            <AskedTakeAway word="Revoke" name={name} take={() => revoke(name)}>
              Programs that use it are refused at once. What was done with it stays in the audit log.
            </AskedTakeAway>
          </CredentialRow>
        ))}
      </CredentialRows>
      {adding && (
        <NewToken
          onClose={() => {
            setAdding(false);
            list.reload();
          }}
        />
      )}
    </Block>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const { api } = usePage();
  const [name, setName] = useState('');
  const [role, setRole] = useState<AdminRole>('viewer');
  const [created, setCreated] = useState<CreatedApiToken | undefined>(undefined);
  const create = useAction(async () => {
    setCreated(await api.send<CreatedApiToken>('POST', '/api/api-tokens', { body: { name, role } }));
  });
  if (created !== undefined) {
    return (
      <ShownOnce title={`Token ${created.name}`} secret={created.token} label="the token" onClose={onClose}>
        Copy it now; it is not shown again. Send it as “Authorization: Bearer …”.
      </ShownOnce>
    );
  }
  return (
    <FormDialog title="New API token" action={create} submit="Make token" onClose={onClose}>
      <label>
        Name
        <input
          name="name"
          required
          pattern="[a-z0-9][a-z0-9._\-]{0,62}"
          title="lower-case letters, digits, dots and dashes"
          placeholder="monitoring"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <RoleChoice value={role} onChange={setRole} />
    </FormDialog>
  );
}
