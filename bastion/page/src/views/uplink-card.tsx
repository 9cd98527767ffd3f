import type { Status } from '../../../web/api.ts';
import { type Health, HealthCard } from './health-card.tsx';

/** The way to the vendor's proxy. */
export function UplinkCard({ status }: { status: Status }) {
  const { uplinks } = status;
  const connected = uplinks.filter(({ state }) => state === 'connected');
  const rtts = connected.flatMap(({ rttMs }) => (rttMs === undefined ? [] : [rttMs]));
  const problem = uplinks.find(
    (uplink) => uplink.problem !== undefined && uplink.state !== 'connected',
  )?.problem;
  const [health, summary] = uplinkWords(status);
  return (
    <HealthCard
      title="Connection to the vendor"
      health={health}
      summary={summary}
      problems={problem === undefined || connected.length === uplinks.length ? [] : [problem]}
      facts={[
        ['Proxy', uplinks[0]?.proxy ?? 'not joined'],
        ['Tunnels', `${connected.length} of ${uplinks.length}`],
        ['Round trip', rtts.length === 0 ? '–' : `${Math.round(Math.min(...rtts))} ms`],
      ]}
    />
  );
}

/** How the tunnels stand, in one line. */
export function uplinkWords({ uplinks, access }: Pick<Status, 'uplinks' | 'access'>): [Health, string] {
  const connected = uplinks.filter(({ state }) => state === 'connected').length;
  if (uplinks.length === 0) return ['idle', 'Not joined to a proxy'];
  if (connected === uplinks.length) return ['good', 'Connected'];
  if (connected > 0) return ['warn', 'Partly connected'];
  return access.state === 'off' ? ['idle', 'Disconnected while access is off'] : ['bad', 'Not connected'];
}
