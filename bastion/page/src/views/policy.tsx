import type { Policy } from '../../../web/api.ts';
import { useResource } from '../data/use-resource.ts';
import { actorWords } from '../ui/format.ts';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';

/** Who may reach what, as it is in force. */
export function PolicyView() {
  const policy = useResource<Policy>('/api/policy', ({ type }) => type.startsWith('policy.'));
  return (
    <section class="view">
      <h1>Policy</h1>
      {policy.error !== undefined && <ErrorNote error={policy.error} retry={policy.reload} />}
      {policy.data === undefined && policy.error === undefined && <Loading rows={8} />}
      {policy.data !== undefined && (
        <>
          <p class="muted lead">
            Version {policy.data.version}, applied <Moment at={policy.data.appliedAt} /> by{' '}
            {actorWords(policy.data.appliedBy)}. To change it, edit the file on the bastion and run{' '}
            <code>drawbridge policy apply</code>.
          </p>
          <PolicyText text={policy.data.text} />
          <p class="muted digest">
            SHA-256 <code>{policy.data.sha256}</code>
          </p>
        </>
      )}
    </section>
  );
}

function PolicyText({ text }: { text: string }) {
  const lines = text
    .replace(/\n$/, '')
    .split('\n')
    .map((line, index) => ({ number: index + 1, line }));
  return (
    <section class="source" aria-label="Text of the policy">
      <pre>
        <code>
          {lines.map(({ number, line }) => (
            <span key={number} class="source-line">
              {line}
              {'\n'}
            </span>
          ))}
        </code>
      </pre>
    </section>
  );
}
