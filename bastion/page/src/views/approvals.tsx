import type { ApprovalList } from '../../../web/api.ts';
import type { Resource } from '../data/use-resource.ts';
import { Empty, ErrorNote, Loading } from '../ui/notes.tsx';
import { ApprovalRequests } from './approval-requests.tsx';
import { GrantRows } from './grant-rows.tsx';

/** Who waits for the customer's word, and who goes by one that was given. */
export function ApprovalsView({ approvals }: { approvals: Resource<ApprovalList> }) {
  const { data, error, reload } = approvals;
  return (
    <section class="view">
      <h1>Approvals</h1>
      {error !== undefined && <ErrorNote error={error} retry={reload} />}
      {data === undefined && error === undefined && <Loading />}
      {data !== undefined && (
        <>
          <section aria-labelledby="requests-title">
            <div class="block-head">
              <h2 id="requests-title">Waiting for an answer</h2>
            </div>
            {data.requests.length === 0 ? (
              <Empty title="Nobody waits">
                A request shows up here, and in the navigation, as soon as an operator asks. Roles of the
                policy with “approval” make them ask.
              </Empty>
            ) : (
              <ApprovalRequests requests={data.requests} onAnswered={reload} />
            )}
          </section>
          <section class="block" aria-labelledby="grants-title">
            <h2 id="grants-title">In force</h2>
            {data.grants.length === 0 ? (
              <p class="muted">No approval is in force.</p>
            ) : (
              <GrantRows grants={data.grants} onRevoked={reload} />
            )}
          </section>
        </>
      )}
    </section>
  );
}
