import { useState } from 'preact/hooks';
import type { ApprovalRequest } from '../../../web/api.ts';
import { mayControl, usePage } from '../data/context.ts';
import { Link } from '../router.tsx';
import { actorWords, countWords } from '../ui/format.ts';
import { Countdown, Moment } from '../ui/time.tsx';
import { GrantDialog, RefuseDialog } from './approval-answers.tsx';

interface ApprovalRequestsProps {
  readonly requests: readonly ApprovalRequest[];
  readonly onAnswered: () => void;
}

/** Requests that wait, the one that waits longest first. */
export function ApprovalRequests({ requests, onAnswered }: ApprovalRequestsProps) {
  const [answering, setAnswering] = useState<{ id: string; how: 'grant' | 'refuse' } | undefined>(undefined);
  // It may have gone while somebody thought about it.
  const asked = requests.find(({ id }) => id === answering?.id);
  const close = () => setAnswering(undefined);
  const answered = () => {
    close();
    onAnswered();
  };
  return (
    <>
      <ul class="requests">
        {requests.map((request) => (
          <RequestCard
            key={request.id}
            request={request}
            onAnswer={(how) => setAnswering({ id: request.id, how })}
          />
        ))}
      </ul>
      {asked !== undefined && answering?.how === 'grant' && (
        <GrantDialog request={asked} onClose={close} onAnswered={answered} />
      )}
      {asked !== undefined && answering?.how === 'refuse' && (
        <RefuseDialog request={asked} onClose={close} onAnswered={answered} />
      )}
    </>
  );
}

interface RequestCardProps {
  readonly request: ApprovalRequest;
  readonly onAnswer: (how: 'grant' | 'refuse') => void;
}

function RequestCard({ request, onAnswer }: RequestCardProps) {
  const { me } = usePage();
  const { operator, host, login, reason, approvedBy, approversNeeded } = request;
  const missing = approversNeeded - approvedBy.length;
  const approvedByMe = approvedBy.includes(`admin:${me.username}`);
  return (
    <li class="card request">
      <div class="request-words">
        <h3>
          {operator} <span class="muted">wants</span> {login === '' ? host : `${login}@${host}`}
        </h3>
        <p class="request-reason">
          {reason === undefined ? <span class="muted">No reason was given.</span> : `“${reason}”`}
        </p>
        <p class="muted request-facts">
          For {request.action}, by the role {request.role}, asked <Moment at={request.askedAt} relative />
          {request.source !== undefined && <> from {request.source}</>}.{' '}
          <Link href={`/audit?session=${encodeURIComponent(request.session)}`}>Events</Link>
        </p>
        {request.newcomer === true && (
          <p class="muted request-facts">Nothing was granted to an operator of this name before.</p>
        )}
        {approversNeeded > 1 && (
          <p class="muted request-facts">
            {approvedBy.length === 0
              ? `${countWords(approversNeeded, 'different person', 'different people')} have to approve.`
              : `Approved by ${approvedBy.map(actorWords).join(', ')}; ${countWords(missing, 'more person', 'more people')} ${missing === 1 ? 'has' : 'have'} to.`}
          </p>
        )}
      </div>
      <div class="request-side">
        <p class="request-left">
          <Countdown until={request.expiresAt} over="Its time is over" /> left to answer
        </p>
        {mayControl(me) ? (
          <div class="request-buttons">
            <button
              type="button"
              onClick={() => onAnswer('refuse')}
              aria-label={`Refuse ${operator} on ${host}`}
            >
              Refuse…
            </button>
            {!approvedByMe && (
              <button
                type="button"
                class="primary"
                onClick={() => onAnswer('grant')}
                aria-label={`Grant ${operator} on ${host}`}
              >
                Grant…
              </button>
            )}
          </div>
        ) : (
          <p class="muted">Your role may look, not answer.</p>
        )}
      </div>
    </li>
  );
}
