import { useEffect, useState } from 'preact/hooks';
import type { Host, HostList, JoinToken } from '../../../web/api.ts';
import { mayAdminister, usePage } from '../data/context.ts';
import { useResource } from '../data/use-resource.ts';
import { CopyLine } from '../ui/copy-line.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, ErrorNote, Loading } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';

/** The hosts that operators can reach, and how one more joins. */
export function HostsView() {
  const { me } = usePage();
  const hosts = useResource<HostList>('/api/hosts', ({ type }) => /^(agent|host|access)\./.test(type));
  const [adding, setAdding] = useState(false);
  return (
    <section class="view">
      <div class="view-head">
        <h1>Hosts</h1>
        <span class="grow" />
        {mayAdminister(me) && (
          <button type="button" class="primary" onClick={() => setAdding(true)}>
            Add a host…
          </button>
        )}
      </div>
      {hosts.error !== undefined && <ErrorNote error={hosts.error} retry={hosts.reload} />}
      {hosts.data === undefined && hosts.error === undefined && <Loading />}
      {hosts.data?.hosts.length === 0 && (
        <Empty title="No hosts yet">Add one: you get a line to paste there, and it appears here.</Empty>
      )}
      {hosts.data !== undefined && hosts.data.hosts.length > 0 && (
        <HostRows hosts={hosts.data.hosts} onRevoked={hosts.reload} />
      )}
      {adding && <AddHost known={hosts.data?.hosts ?? []} onClose={() => setAdding(false)} />}
    </section>
  );
}

function HostRows({ hosts, onRevoked }: { hosts: readonly Host[]; onRevoked: () => void }) {
  const { me } = usePage();
  const [revoking, setRevoking] = useState<Host | undefined>(undefined);
  return (
    <div class="rows host-rows">
      <div class="row row-head" aria-hidden="true">
        <span>Host</span>
        <span>Labels</span>
        <span>Reached by</span>
        <span>Version</span>
        <span>Last seen</span>
        <span />
      </div>
      <ul>
        {hosts.map((host) => (
          <li key={host.id} class="row">
            <span class="strong">
              <span class={`dot ${host.online ? 'dot-live' : ''}`} aria-hidden="true" />
              {host.name}
              <span class="sr-only">{host.online ? ', online' : ', offline'}</span>
            </span>
            <span class="labels">
              {Object.entries(host.labels).map(([name, value]) => (
                <span key={name} class="label">
                  {name}={value}
                </span>
              ))}
            </span>
            <span class="muted">{reachedBy(host)}</span>
            <span class="muted figures">{host.version ?? '–'}</span>
            <span class="muted">{lastSeen(host)}</span>
            <span class="row-end">
              {mayAdminister(me) && host.via === 'agent' && (
                <button
                  type="button"
                  class="small quiet"
                  aria-label={`Revoke ${host.name}`}
                  onClick={() => setRevoking(host)}
                >
                  Revoke…
                </button>
              )}
            </span>
          </li>
        ))}
      </ul>
      {revoking !== undefined && (
        <RevokeHost host={revoking} onClose={() => setRevoking(undefined)} onRevoked={onRevoked} />
      )}
    </div>
  );
}

function reachedBy(host: Host): string {
  if (host.via === 'direct') return 'its own sshd';
  return host.target === 'sshd' ? 'agent, to its sshd' : 'agent';
}

function lastSeen(host: Host) {
  if (host.online) return 'online';
  if (host.lastSeenAt === undefined) return 'never';
  return (
    <>
      {host.away?.code === 'agent.stopping' && 'stopped '}
      <Moment at={host.lastSeenAt} relative />
    </>
  );
}

function RevokeHost({
  host,
  onClose,
  onRevoked,
}: {
  host: Host;
  onClose: () => void;
  onRevoked: () => void;
}) {
  const { api } = usePage();
  const revoke = useAction(async () => {
    await api.send('POST', `/api/hosts/${encodeURIComponent(host.name)}/revoke`, { body: {} });
    onRevoked();
    onClose();
  });
  return (
    <FormDialog
      title={`Revoke ${host.name}?`}
      action={revoke}
      submit="Revoke"
      cancel="Keep it"
      tone="danger"
      onClose={onClose}
    >
      <p>
        Its agent is disconnected at once, sessions on it end, and it can not come back until it joins with a
        new token.
      </p>
    </FormDialog>
  );
}

function AddHost({ known, onClose }: { known: readonly Host[]; onClose: () => void }) {
  const { api } = usePage();
  const [name, setName] = useState('');
  const [labels, setLabels] = useState('');
  const [token, setToken] = useState<JoinToken | undefined>(undefined);
  const create = useAction(async () => {
    setToken(await api.send<JoinToken>('POST', '/api/tokens', { body: { name, ...labelsOf(labels) } }));
  });
  if (token !== undefined) return <Joining token={token} known={known} onClose={onClose} />;
  return (
    <FormDialog title="Add a host" action={create} submit="Make a join token" onClose={onClose}>
      <p>Nothing listens on the host: its agent dials out to this bastion.</p>
      <label>
        Name
        <input
          name="name"
          required
          pattern="[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?"
          title="lower-case letters, digits and dashes"
          autocapitalize="none"
          spellcheck={false}
          placeholder="web-1"
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label>
        <span>
          Labels <span class="muted">(optional; your policy can go by them)</span>
        </span>
        <input
          name="labels"
          autocapitalize="none"
          spellcheck={false}
          placeholder="env=prod, role=web"
          value={labels}
          onInput={(event) => setLabels(event.currentTarget.value)}
        />
      </label>
    </FormDialog>
  );
}

function Joining({
  token,
  known,
  onClose,
}: {
  token: JoinToken;
  known: readonly Host[];
  onClose: () => void;
}) {
  const { updates } = usePage();
  const [joined, setJoined] = useState(false);
  useEffect(
    () =>
      updates.onEvent((event) => {
        if (/^agent\.(joined|connected)$/.test(event.type) && event.host === token.name) setJoined(true);
      }),
    [updates, token.name],
  );
  const isThere = joined || known.some(({ name, online }) => name === token.name && online);
  return (
    <Dialog title={`Add ${token.name}`} onClose={onClose}>
      <p>Paste this on the host. It works once and is shown only now.</p>
      <CopyLine text={token.command} label="the line" />
      <p class="joining" role="status">
        {isThere ? (
          <>
            <Icon name="check" />
            <span>{token.name} has joined.</span>
          </>
        ) : (
          <>
            <span class="spinner" aria-hidden="true" />
            <span>
              Waiting for {token.name}. The token runs out <Moment at={token.expiresAt} relative />.
            </span>
          </>
        )}
      </p>
      <div class="dialog-buttons">
        <button type="button" class={isThere ? 'primary' : ''} onClick={onClose}>
          {isThere ? 'Done' : 'Close'}
        </button>
      </div>
    </Dialog>
  );
}

/** `env=prod, role=web` as labels. @throws when a part is no `name=value`. */
function labelsOf(text: string): { labels?: Record<string, string> } {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length === 0) return {};
  const entries = parts.map((part): [string, string] => {
    const [name = '', value] = part.split(/=(.*)/s).map((half) => half.trim());
    if (name === '' || value === undefined || value === '') {
      throw new Error(`“${part}” is no label. Write labels as name=value, with commas between them.`);
    }
    return [name, value];
  });
  return { labels: Object.fromEntries(entries) };
}
