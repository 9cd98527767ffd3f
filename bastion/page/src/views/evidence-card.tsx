import type { ComponentChildren } from 'preact';
import type { Status } from '../../../web/api.ts';
import { Link } from '../router.tsx';
import { countWords, sizeWords } from '../ui/format.ts';
import { Moment } from '../ui/time.tsx';
import { type Health, HealthCard } from './health-card.tsx';

type Evidence = Status['evidence'];

/** Whether what is kept of the sessions is whole, witnessed and shipped. */
export function EvidenceCard({ status: { evidence } }: { status: Status }) {
  const { lastCheckpointAt } = evidence;
  const [health, summary] = evidenceWords(evidence);
  return (
    <HealthCard
      title="Evidence"
      health={health}
      summary={summary}
      problems={problemsOf(evidence)}
      facts={[
        ['Audit log', countWords(evidence.auditEvents, 'event')],
        [
          'Last checkpoint',
          lastCheckpointAt === undefined ? 'none yet' : <Moment at={lastCheckpointAt} relative />,
        ],
        ['Witness', witnessWords(evidence.witness)],
        ...evidence.shipping.map((target): [string, ComponentChildren] => [
          `Shipped to ${target.name}`,
          shippingWords(target),
        ]),
        ['Recordings', sizeWords(evidence.recordingsBytes)],
        ...(evidence.oldestRecordingAt === undefined
          ? []
          : [['Oldest one', <Moment at={evidence.oldestRecordingAt} />] as [string, ComponentChildren]]),
        ['Free space', sizeWords(evidence.diskFreeBytes)],
      ]}
      more={<Link href="/audit">Verify the log</Link>}
    />
  );
}

/** What the card says in one line; the worst first. */
export function evidenceWords({
  problem,
  logProblem,
  warning,
  witness,
  shipping,
}: Evidence): [Health, string] {
  if (problem !== undefined) return ['bad', 'No session is admitted'];
  if (logProblem !== undefined) return ['bad', 'The audit log was changed'];
  if (witness.state === 'refused') return ['bad', 'The witness refuses this history'];
  const isShort =
    warning !== undefined ||
    witness.state === 'behind' ||
    shipping.some(({ state }) => state !== 'current') ||
    witness.problem !== undefined;
  return isShort ? ['warn', 'Needs a look'] : ['good', 'Recording and audit log work'];
}

function problemsOf({ problem, logProblem, warning, witness, shipping }: Evidence): readonly string[] {
  const all = [
    problem,
    logProblem,
    warning,
    witness.problem === undefined ? undefined : `Witness: ${witness.problem}`,
    ...shipping.map((target) =>
      target.problem === undefined ? undefined : `${target.name}: ${target.problem}`,
    ),
  ];
  return [...new Set(all.filter((one) => one !== undefined))];
}

function witnessWords({ state, witnessedAt }: Evidence['witness']): ComponentChildren {
  const at = witnessedAt === undefined ? undefined : <Moment at={witnessedAt} relative />;
  switch (state) {
    case 'none':
      return 'none';
    case 'pending':
      return 'first one on its way';
    case 'current':
      return at === undefined ? 'up to date' : <>signed {at}</>;
    case 'behind':
      return at === undefined ? 'behind' : <>behind, last signed {at}</>;
    case 'refused':
      return 'refuses';
  }
}

/** How far a receiver is. */
export function shippingWords({ state, behind }: Evidence['shipping'][number]): string {
  if (state === 'current') return 'up to date';
  return `${state === 'failing' ? 'failing' : 'behind'}, ${countWords(behind, 'event')} to go`;
}
