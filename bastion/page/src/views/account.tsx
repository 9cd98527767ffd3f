import type { WebSessionList } from '../../../web/api.ts';
import { usePage } from '../data/context.ts';
import { useResource } from '../data/use-resource.ts';
import { CredentialRow, CredentialRows, TakeAway } from '../ui/credential-rows.tsx';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';
import { Factors } from './factors.tsx';
import { ROLE_WORDS } from './role-choice.tsx';

/** What somebody signs in with, and where they are signed in. */
export function AccountView() {
  const { me } = usePage();
  return (
    <section class="view">
      <h1>{me.username}</h1>
      <p class="muted lead">
        Role {me.role}: {ROLE_WORDS[me.role]}.
      </p>
      {me.provided !== true && <Factors />}
      <SignIns />
    </section>
  );
}

function SignIns() {
  const { api } = usePage();
  const list = useResource<WebSessionList>('/api/me/sessions', ({ type }) => /^admin\.signed/.test(type));
  const end = useAction(async (id: string) => {
    await api.send('DELETE', `/api/me/sessions/${id}`);
    list.reload();
  });
  return (
    <section class="block" aria-labelledby="sign-ins-title">
      <h2 id="sign-ins-title">Where you are signed in</h2>
      {list.data === undefined && list.error === undefined && <Loading rows={2} />}
      {list.error !== undefined && <ErrorNote error={list.error} retry={list.reload} />}
      {end.error !== undefined && <ErrorNote error={end.error} />}
      <CredentialRows>
        {list.data?.sessions.map(({ id, address, createdAt, lastSeenAt, current }) => (
          <CredentialRow
            key={id}
            name={address}
            about={
              <>
                since <Moment at={createdAt} />
              </>
            }
            used={
              <>
                used <Moment at={lastSeenAt} relative />
              </>
            }
          >
            {current ? (
              <span class="badge">This one</span>
            ) : (
              <TakeAway word="Sign out" name={address} onClick={() => end.run(id)} />
            )}
          </CredentialRow>
        ))}
      </CredentialRows>
    </section>
  );
}
