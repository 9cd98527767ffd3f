import { useState } from 'preact/hooks';
import type { PolicyAnswerBody } from '../../../web/api.ts';
import { usePage } from '../data/context.ts';
import { ErrorNote } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';

const FIELDS = [
  { name: 'operator', words: 'Operator', required: true, placeholder: 'alice' },
  { name: 'groups', words: 'Groups', required: false, placeholder: 'ops, support' },
  { name: 'host', words: 'Host', required: true, placeholder: 'web-1' },
  { name: 'login', words: 'Login', required: false, placeholder: 'deploy' },
  { name: 'action', words: 'Action', required: true, placeholder: 'shell, exec, sftp, forward:HOST:PORT' },
  { name: 'source', words: 'From (address)', required: false, placeholder: 'any' },
] as const;

type Question = Readonly<Record<(typeof FIELDS)[number]['name'] | 'at', string>>;

const EMPTY: Question = {
  operator: '',
  groups: '',
  host: '',
  login: '',
  action: 'shell',
  source: '',
  at: '',
};

/** May this operator do this? The answer of the policy in force, with the reason of every role. */
export function PolicyExplain() {
  const { api } = usePage();
  const [question, setQuestion] = useState(EMPTY);
  const [answer, setAnswer] = useState<PolicyAnswerBody | undefined>(undefined);
  const ask = useAction(async () => {
    setAnswer(undefined);
    setAnswer(await api.send<PolicyAnswerBody>('POST', '/api/policy/explain', { body: bodyOf(question) }));
  });
  return (
    <>
      <p class="muted policy-lead">Whom the policy in force would let do what. Asking changes nothing.</p>
      <form
        class="card explain"
        onSubmit={(event) => {
          event.preventDefault();
          ask.run();
        }}
      >
        {FIELDS.map(({ name, words, required, placeholder }) => (
          <label key={name}>
            {words}
            <input
              name={name}
              required={required}
              placeholder={placeholder}
              autocapitalize="none"
              spellcheck={false}
              value={question[name]}
              onInput={(event) => setQuestion({ ...question, [name]: event.currentTarget.value })}
            />
          </label>
        ))}
        <label>
          <span>
            At <span class="muted">(now when empty)</span>
          </span>
          <input
            name="at"
            type="datetime-local"
            value={question.at}
            onInput={(event) => setQuestion({ ...question, at: event.currentTarget.value })}
          />
        </label>
        <button type="submit" class="primary" aria-busy={ask.running}>
          Ask
        </button>
      </form>
      {ask.error !== undefined && <ErrorNote error={ask.error} />}
      <div role="status">{answer !== undefined && <Answer answer={answer} />}</div>
    </>
  );
}

function Answer({ answer }: { answer: PolicyAnswerBody }) {
  return (
    <section class={`card verdict verdict-${answer.allow ? 'yes' : 'no'}`} aria-labelledby="verdict-title">
      <h2 id="verdict-title">{answer.allow ? `Allowed by the role ${answer.rule}` : 'Not allowed'}</h2>
      {answer.reason !== undefined && <p>{answer.reason}</p>}
      {answer.access === 'off' && <p>Remote access is off: nobody gets in now, whatever the policy says.</p>}
      {answer.until !== undefined && (
        <p class="muted">
          The answer may change <Moment at={answer.until} />.
        </p>
      )}
      <ul class="verdict-roles">
        {answer.roles.map(({ role, allows, why }) => (
          <li key={role}>
            <span class={`dot ${allows ? 'dot-live' : ''}`} aria-hidden="true" />
            <strong>{role}</strong>: {why}
          </li>
        ))}
      </ul>
    </section>
  );
}

function bodyOf({ operator, groups, host, login, action, source, at }: Question) {
  const named = groups.split(',').map((group) => group.trim());
  return {
    operator: operator.trim(),
    groups: named.filter((group) => group !== ''),
    host: host.trim(),
    login: login.trim(),
    action: action.trim(),
    ...(source.trim() === '' ? {} : { source: source.trim() }),
    ...(at === '' ? {} : { at: new Date(at).toISOString() }),
  };
}
