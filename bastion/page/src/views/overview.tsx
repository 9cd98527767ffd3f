import type { ApprovalList, SessionList, Status } from '../../../web/api.ts';
import type { Resource } from '../data/use-resource.ts';
import { useResource } from '../data/use-resource.ts';
import { Link } from '../router.tsx';
import { countWords } from '../ui/format.ts';
import { Empty, ErrorNote, Loading } from '../ui/notes.tsx';
import { AccessPanel, AccessUnknown } from './access-panel.tsx';
import { ApprovalRequests } from './approval-requests.tsx';
import { EvidenceCard } from './evidence-card.tsx';
import { Glance } from './glance.tsx';
import { HealthCard } from './health-card.tsx';
import { SessionRows } from './session-rows.tsx';
import { UplinkCard } from './uplink-card.tsx';

/** Requests that are shown here; the others must not push away who is in. */
const REQUESTS_SHOWN = 3;
/** Live sessions that are shown here; the others must not push away whether the evidence is kept. */
const LIVE_SHOWN = 10;

/** At a glance: is access on, who is in, is the evidence whole. */
export function OverviewView({
  status,
  isOld,
  approvals,
}: {
  status: Resource<Status>;
  /** The connection is lost. */
  isOld: boolean;
  approvals: Resource<ApprovalList>;
}) {
  const live = useResource<SessionList>('/api/sessions?live=true&limit=200', ({ type }) =>
    /^(session|access|shell|exec)\./.test(type),
  );
  if (status.data === undefined) {
    return (
      <section class="view">
        <h1 class="sr-only">Overview</h1>
        {status.error === undefined ? (
          <Loading rows={6} />
        ) : (
          <>
            <ErrorNote error={status.error} retry={status.reload} />
            <AccessUnknown onChanged={status.reload} />
          </>
        )}
      </section>
    );
  }
  const { data } = status;
  return (
    <section class="view">
      <h1 class="sr-only">Overview</h1>
      <AccessPanel status={data} isOld={isOld} onChanged={(access) => status.replace({ ...data, access })}>
        <Glance status={data} live={live.data?.sessions} />
      </AccessPanel>
      {status.error !== undefined && <ErrorNote error={status.error} retry={status.reload} />}
      <Waiting approvals={approvals} />
      <section class="block" aria-labelledby="live-title">
        <div class="block-head">
          <h2 id="live-title">In right now</h2>
          {data.liveSessions > LIVE_SHOWN ? (
            <Link href="/sessions?live=true">All {countWords(data.liveSessions, 'live session')}</Link>
          ) : (
            <Link href="/sessions">All sessions</Link>
          )}
        </div>
        <LiveSessions live={live} on={data.access.state === 'on'} />
      </section>
      <section class="block" aria-labelledby="health-title">
        <h2 id="health-title">Health</h2>
        <div class="cards">
          <UplinkCard status={data} />
          <HostsCard status={data} />
          <EvidenceCard status={data} />
        </div>
      </section>
    </section>
  );
}

/** Requests that wait; nothing when there are none, since that is how it is nearly always. */
function Waiting({ approvals: { data, error, reload } }: { approvals: Resource<ApprovalList> }) {
  if (error !== undefined) return <ErrorNote error={error} retry={reload} />;
  if (data === undefined || data.requests.length === 0) return null;
  return (
    <section class="block" aria-labelledby="waiting-title">
      <div class="block-head">
        <h2 id="waiting-title">Waiting for your answer</h2>
        <Link href="/approvals">
          {data.requests.length > REQUESTS_SHOWN
            ? `All ${countWords(data.requests.length, 'request')}`
            : 'All approvals'}
        </Link>
      </div>
      <ApprovalRequests requests={data.requests.slice(0, REQUESTS_SHOWN)} onAnswered={reload} />
    </section>
  );
}

function LiveSessions({ live, on }: { live: Resource<SessionList>; on: boolean }) {
  if (live.data === undefined) {
    return live.error === undefined ? (
      <Loading rows={2} />
    ) : (
      <ErrorNote error={live.error} retry={live.reload} />
    );
  }
  if (live.data.sessions.length === 0) {
    return (
      <Empty title="Nobody is in">
        {on
          ? 'A session shows up here as soon as it begins.'
          : 'Nobody can get in while remote access is off.'}
      </Empty>
    );
  }
  return <SessionRows sessions={live.data.sessions.slice(0, LIVE_SHOWN)} />;
}

function HostsCard({ status: { hosts } }: { status: Status }) {
  const offline = hosts.total - hosts.online;
  const summary = offline === 0 ? 'All online' : `${countWords(offline, 'host')} offline`;
  return (
    <HealthCard
      title="Hosts"
      health={hosts.total === 0 ? 'idle' : offline === 0 ? 'good' : 'warn'}
      summary={hosts.total === 0 ? 'None yet' : summary}
      problems={[]}
      facts={[
        ['Online', hosts.online.toLocaleString()],
        ['Known', hosts.total.toLocaleString()],
      ]}
      more={<Link href="/hosts">{hosts.total === 0 ? 'Add the first host' : 'Show hosts'}</Link>}
    />
  );
}
