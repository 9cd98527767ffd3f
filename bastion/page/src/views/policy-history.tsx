import { useState } from 'preact/hooks';
import type { Policy, PolicyVersionEntry, PolicyHistory as PolicyVersions } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { mayAdminister, usePage } from '../data/context.ts';
import { useResource } from '../data/use-resource.ts';
import { Link, useLocation } from '../router.tsx';
import { FormDialog } from '../ui/form-dialog.tsx';
import { actorWords } from '../ui/format.ts';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';

/** So many versions are shown, the newest. */
const VERSIONS_SHOWN = 100;

interface PolicyHistoryProps {
  readonly inForce: Policy;
  readonly onChanged: (policy: Policy) => void;
}

/** Every version that was in force, what changed since then, and the way back. */
export function PolicyHistory({ inForce, onChanged }: PolicyHistoryProps) {
  const { me } = usePage();
  const { query } = useLocation();
  const from = Number(query.get('from') ?? 0);
  const [undoing, setUndoing] = useState<number | undefined>(undefined);
  const history = useResource<PolicyVersions>(`/api/policy/versions?limit=${VERSIONS_SHOWN}`, ({ type }) =>
    type.startsWith('policy.'),
  );
  if (history.data === undefined) {
    return history.error === undefined ? (
      <Loading />
    ) : (
      <ErrorNote error={history.error} retry={history.reload} />
    );
  }
  return (
    <>
      {from > 0 && <Difference from={from} to={inForce.version} />}
      <div class="rows policy-rows">
        <ul>
          {history.data.versions.map((entry) => (
            <li key={entry.version} class="row">
              <VersionWords entry={entry} isInForce={entry.version === inForce.version} />
              {entry.version !== inForce.version && (
                <span class="row-end">
                  <Link
                    href={`/policy/history?from=${entry.version}`}
                    label={`Changes since version ${entry.version}`}
                  >
                    Changes since
                  </Link>
                  {mayAdminister(me) && (
                    <button
                      type="button"
                      class="small"
                      aria-label={`Go back to version ${entry.version}`}
                      onClick={() => setUndoing(entry.version)}
                    >
                      Go back…
                    </button>
                  )}
                </span>
              )}
            </li>
          ))}
        </ul>
      </div>
      {undoing !== undefined && (
        <UndoDialog to={undoing} onClose={() => setUndoing(undefined)} onChanged={onChanged} />
      )}
    </>
  );
}

function VersionWords({ entry, isInForce }: { entry: PolicyVersionEntry; isInForce: boolean }) {
  return (
    <span>
      <strong>Version {entry.version}</strong>
      {isInForce && <span class="badge badge-live policy-badge">In force</span>}
      <span class="muted policy-entry">
        <Moment at={entry.appliedAt} />, {actorWords(entry.appliedBy)}
        {entry.message !== undefined && <>: “{entry.message}”</>}
      </span>
    </span>
  );
}

function Difference({ from, to }: { from: number; to: number }) {
  const path = withQuery('/api/policy/difference', { from, to });
  const difference = useResource<{ lines: readonly string[] }>(path, () => false);
  if (difference.data === undefined) {
    return difference.error === undefined ? (
      <Loading rows={2} />
    ) : (
      <ErrorNote error={difference.error} retry={difference.reload} />
    );
  }
  const lines = difference.data.lines.map((line, index) => ({ line, number: index }));
  return (
    <section class="policy-difference" aria-labelledby="difference-title">
      <h2 id="difference-title">
        From version {from} to version {to}
      </h2>
      {lines.length === 0 && <p class="muted">The text is the same.</p>}
      {lines.length > 0 && (
        <pre>
          <code>
            {lines.map(({ line, number }) => (
              <span key={number} class={`diff-line ${diffClass(line)}`}>
                {line}
                {'\n'}
              </span>
            ))}
          </code>
        </pre>
      )}
    </section>
  );
}

function diffClass(line: string): string {
  if (line.startsWith('+ ')) return 'diff-added';
  return line.startsWith('- ') ? 'diff-removed' : '';
}

interface UndoDialogProps {
  readonly to: number;
  readonly onClose: () => void;
  readonly onChanged: (policy: Policy) => void;
}

function UndoDialog({ to, onClose, onChanged }: UndoDialogProps) {
  const { api } = usePage();
  const undo = useAction(async () => {
    onChanged(await api.send<Policy>('POST', '/api/policy/undo', { body: { to } }));
    onClose();
  });
  return (
    <FormDialog
      title={`Go back to version ${to}?`}
      action={undo}
      submit="Go back"
      cancel="Leave it"
      onClose={onClose}
    >
      <p>It counts at once, as a new version. Live sessions that it does not allow end.</p>
    </FormDialog>
  );
}
