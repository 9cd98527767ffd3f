import { useState } from 'preact/hooks';
import type { Administrator, AdministratorList, ProvidedAdministrator } from '../../../web/api.ts';
import { usePage } from '../data/context.ts';
import { useResource } from '../data/use-resource.ts';
import { Block } from '../ui/block.tsx';
import { BreakableName } from '../ui/breakable-name.tsx';
import { countWords } from '../ui/format.ts';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';
import { Ask, type Asking, type SignedIn } from './administrator-dialogs.tsx';

/** Who may sign in here, and what they may do. */
export function Administrators() {
  const list = useResource<AdministratorList>('/api/administrators', ({ type }) =>
    /^(user|admin)\./.test(type),
  );
  const [asking, setAsking] = useState<Asking | undefined>(undefined);
  return (
    <Block
      title="Administrators"
      action={{ words: 'Add an administrator…', run: () => setAsking({ kind: 'add' }) }}
    >
      {list.error !== undefined && <ErrorNote error={list.error} retry={list.reload} />}
      {list.data === undefined && list.error === undefined && <Loading rows={2} />}
      {list.data !== undefined && <Rows list={list.data} onAsk={setAsking} />}
      {asking !== undefined && <Ask asking={asking} list={list} onClose={() => setAsking(undefined)} />}
    </Block>
  );
}

interface RowsProps {
  readonly list: AdministratorList;
  readonly onAsk: (asking: Asking) => void;
}

function Rows({ list, onAsk }: RowsProps) {
  const { me } = usePage();
  // One's own places are under the account, each by itself.
  const maySignOut = ({ username, signIns }: SignedIn) => signIns > 0 && username !== me.username;
  return (
    <div class="rows administrator-rows">
      <ul>
        {list.administrators.map((who) => (
          <li key={who.username} class="row">
            <Name username={who.username} />
            <span>{who.role}</span>
            <span class="muted">
              {who.setupUntil === undefined ? (
                standing(who)
              ) : (
                <>
                  set-up link, until <Moment at={who.setupUntil} />
                </>
              )}
            </span>
            <span class="row-end">
              {maySignOut(who) && <AskButton asking={{ kind: 'signOut', who }} onAsk={onAsk} />}
              {(['role', 'reset', 'remove'] as const).map((kind) => (
                <AskButton key={kind} asking={{ kind, who }} onAsk={onAsk} />
              ))}
            </span>
          </li>
        ))}
        {list.provided.map((who) => (
          <li key={who.username} class="row">
            <Name username={who.username} />
            <span>{who.role}</span>
            <span class="muted">{standingOfProvided(who)}</span>
            <span class="row-end">
              {maySignOut(who) && <AskButton asking={{ kind: 'signOut', who }} onAsk={onAsk} />}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Name({ username }: { username: string }) {
  const { me } = usePage();
  return (
    <span class="strong">
      <BreakableName name={username} />
      {username === me.username && <span class="badge you">You</span>}
    </span>
  );
}

interface AskButtonProps {
  readonly asking: Exclude<Asking, { readonly kind: 'add' }>;
  readonly onAsk: (asking: Asking) => void;
}

function AskButton({ asking, onAsk }: AskButtonProps) {
  const { word, label } = BUTTONS[asking.kind];
  return (
    <button
      type="button"
      class="small quiet"
      aria-label={`${label} ${asking.who.username}`}
      onClick={() => onAsk(asking)}
    >
      {word}
    </button>
  );
}

const BUTTONS = {
  signOut: { word: 'Sign out…', label: 'Sign out' },
  role: { word: 'Role…', label: 'Change the role of' },
  reset: { word: 'Reset…', label: 'Reset the sign-in of' },
  remove: { word: 'Remove…', label: 'Remove' },
} as const;

function standing({ securityKeys, signIns }: Administrator): string {
  const keys = securityKeys === 0 ? [] : [countWords(securityKeys, 'security key')];
  const where = signIns === 0 ? 'not signed in' : `signed in at ${countWords(signIns, 'place')}`;
  return [...keys, where].join(', ');
}

function standingOfProvided({ signIns }: ProvidedAdministrator): string {
  return `of your directory, signed in at ${countWords(signIns, 'place')}`;
}
