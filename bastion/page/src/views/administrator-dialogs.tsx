import { useState } from 'preact/hooks';
import type { Administrator, AdministratorList, AdminRole, SetupLink } from '../../../web/api.ts';
import { usePage } from '../data/context.ts';
import type { Resource } from '../data/use-resource.ts';
import { FormDialog } from '../ui/form-dialog.tsx';
import { countWords } from '../ui/format.ts';
import { ShownOnce } from '../ui/shown-once.tsx';
import { Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';
import { RoleChoice } from './role-choice.tsx';

/** What is asked about whom. */
export type Asking =
  | { readonly kind: 'add' }
  | { readonly kind: 'role' | 'remove' | 'reset'; readonly who: Administrator }
  | { readonly kind: 'signOut'; readonly who: SignedIn };

/** Of an account, or of the directory. */
export type SignedIn = Pick<Administrator, 'username' | 'signIns'>;

interface AskProps {
  readonly list: Resource<AdministratorList>;
  readonly onClose: () => void;
}

/** The dialog that asks it. */
export function Ask({ asking, list, onClose }: AskProps & { asking: Asking }) {
  const [link, setLink] = useState<SetupLink | undefined>(undefined);
  const done = () => {
    list.reload();
    onClose();
  };
  const linked = (made: SetupLink) => {
    list.reload();
    setLink(made);
  };
  if (link !== undefined) return <ShowLink link={link} onClose={onClose} />;
  switch (asking.kind) {
    case 'add':
      return <Add onMade={linked} onClose={onClose} />;
    case 'role':
      return <ChangeRole who={asking.who} onDone={done} onClose={onClose} />;
    case 'reset':
      return <Reset who={asking.who} onMade={linked} onClose={onClose} />;
    case 'signOut':
      return <SignOut who={asking.who} onDone={done} onClose={onClose} />;
    case 'remove':
      return <Remove who={asking.who} onDone={done} onClose={onClose} />;
  }
}

function Add({ onMade, onClose }: { onMade: (link: SetupLink) => void; onClose: () => void }) {
  const { api } = usePage();
  const [username, setUsername] = useState('');
  const [role, setRole] = useState<AdminRole>('viewer');
  const add = useAction(async () => {
    onMade(await api.send<SetupLink>('POST', '/api/administrators', { body: { username, role } }));
  });
  return (
    <FormDialog title="Add an administrator" action={add} submit="Make a set-up link" onClose={onClose}>
      <label>
        User name
        <input
          name="username"
          required
          pattern="[a-z0-9][a-z0-9._@\-]{0,63}"
          title="lower-case letters, digits and . _ @ -"
          autocapitalize="none"
          spellcheck={false}
          placeholder="carol"
          value={username}
          onInput={(event) => setUsername(event.currentTarget.value)}
        />
      </label>
      <RoleChoice value={role} onChange={setRole} />
    </FormDialog>
  );
}

function ShowLink({ link, onClose }: { link: SetupLink; onClose: () => void }) {
  return (
    <ShownOnce
      title={`Set-up link for ${link.username}`}
      secret={link.url}
      label="the link"
      onClose={onClose}
    >
      Give it to {link.username} by a way that nobody else reads: whoever opens it first chooses the password
      and the authenticator. It works once, until <Moment at={link.expiresAt} />, and is shown only now.
    </ShownOnce>
  );
}

interface AboutProps {
  readonly who: Administrator;
  readonly onClose: () => void;
}

function ChangeRole({ who, onDone, onClose }: AboutProps & { onDone: () => void }) {
  const { api } = usePage();
  const [role, setRole] = useState<AdminRole>(who.role);
  const change = useAction(async () => {
    await api.send('PUT', addressOf(who), { body: { role } });
    onDone();
  });
  return (
    <FormDialog title={`Role of ${who.username}`} action={change} submit="Change" onClose={onClose}>
      <RoleChoice value={role} onChange={setRole} />
    </FormDialog>
  );
}

function Reset({ who, onMade, onClose }: AboutProps & { onMade: (link: SetupLink) => void }) {
  const { api } = usePage();
  const reset = useAction(async () => {
    onMade(await api.send<SetupLink>('POST', `${addressOf(who)}/setup-link`));
  });
  return (
    <FormDialog title={`Reset ${who.username}?`} action={reset} submit="Make a set-up link" onClose={onClose}>
      <p>
        For who has lost a phone or forgotten a password. When the link is used, a new password and
        authenticator take the place of the old ones, and security keys and sign-ins of before are gone. Until
        then nothing changes.
      </p>
    </FormDialog>
  );
}

function Remove({ who, onDone, onClose }: AboutProps & { onDone: () => void }) {
  const { api } = usePage();
  const remove = useAction(async () => {
    await api.send('DELETE', addressOf(who));
    onDone();
  });
  return (
    <FormDialog
      title={`Remove ${who.username}?`}
      action={remove}
      submit="Remove"
      cancel="Keep them"
      tone="danger"
      onClose={onClose}
    >
      <p>
        They are signed out everywhere at once and can not sign in again. What they did stays in the audit
        log.
      </p>
    </FormDialog>
  );
}

function SignOut({ who, onDone, onClose }: { who: SignedIn; onDone: () => void; onClose: () => void }) {
  const { api } = usePage();
  const end = useAction(async () => {
    await api.send('DELETE', `${addressOf(who)}/sign-ins`);
    onDone();
  });
  return (
    <FormDialog
      title={`Sign ${who.username} out?`}
      action={end}
      submit="Sign out"
      cancel="Leave them in"
      tone="danger"
      onClose={onClose}
    >
      <p>
        They are signed out at {countWords(who.signIns, 'place')} at once, and may sign in again. Their API
        tokens stay.
      </p>
    </FormDialog>
  );
}

function addressOf({ username }: SignedIn): string {
  return `/api/administrators/${encodeURIComponent(username)}`;
}
