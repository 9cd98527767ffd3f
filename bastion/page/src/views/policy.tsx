import type { Policy } from '../../../web/api.ts';
import { mayAdminister, usePage } from '../data/context.ts';
import { useResource } from '../data/use-resource.ts';
import { Link } from '../router.tsx';
import { actorWords } from '../ui/format.ts';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';
import { PolicyEdit } from './policy-edit.tsx';
import { PolicyExplain } from './policy-explain.tsx';
import { PolicyHistory } from './policy-history.tsx';

const PARTS = [
  { href: '/policy', name: 'In force' },
  { href: '/policy/explain', name: 'Explain' },
  { href: '/policy/history', name: 'History' },
  { href: '/policy/edit', name: 'Change' },
] as const;

export type PolicyPath = (typeof PARTS)[number]['href'];

export function isPolicyPath(path: string): path is PolicyPath {
  return PARTS.some(({ href }) => href === path);
}

/** Who may reach what: as it is in force, asked, as it was, and changed. */
export function PolicyView({ path }: { path: PolicyPath }) {
  const { me } = usePage();
  const policy = useResource<Policy>('/api/policy', ({ type }) => type.startsWith('policy.'));
  return (
    <section class="view">
      <h1>Policy</h1>
      <nav class="tabs" aria-label="Policy">
        {PARTS.map(({ href, name }) => (
          <Link key={href} href={href} class="tab" current={href === path}>
            {href === '/policy/edit' && !mayAdminister(me) ? 'Check' : name}
          </Link>
        ))}
      </nav>
      {policy.error !== undefined && <ErrorNote error={policy.error} retry={policy.reload} />}
      {policy.data === undefined && policy.error === undefined && <Loading rows={8} />}
      {policy.data !== undefined && <Part path={path} policy={policy.data} onChanged={policy.replace} />}
    </section>
  );
}

interface PartProps {
  readonly path: PolicyPath;
  readonly policy: Policy;
  readonly onChanged: (policy: Policy) => void;
}

function Part({ path, policy, onChanged }: PartProps) {
  switch (path) {
    case '/policy':
      return <InForce policy={policy} />;
    case '/policy/explain':
      return <PolicyExplain />;
    case '/policy/history':
      return <PolicyHistory inForce={policy} onChanged={onChanged} />;
    case '/policy/edit':
      return <PolicyEdit inForce={policy} onChanged={onChanged} />;
  }
}

function InForce({ policy }: { policy: Policy }) {
  return (
    <>
      <p class="muted policy-lead">
        Version {policy.version}, applied <Moment at={policy.appliedAt} /> by {actorWords(policy.appliedBy)}.
      </p>
      <PolicyText text={policy.text} />
      <p class="muted digest">
        SHA-256 <code>{policy.sha256}</code>
      </p>
    </>
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
