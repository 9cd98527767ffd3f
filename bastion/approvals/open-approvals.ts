import type { AuditSink } from '../../shared/audit/event.ts';
import type { Egress } from '../../shared/egress/egress.ts';
import type { Logger } from '../../shared/log.ts';
import type { Database } from '../../shared/store/database.ts';
import type { KnownTime } from '../gate/machine.ts';
import type { ApprovalNews } from './approval-news.ts';
import { Approvals } from './approvals.ts';
import { Approvers } from './approvers.ts';
import type { ApprovalsConfig } from './config.ts';
import { GrantStore } from './grant-store.ts';
import { grantSummary, requestSummary } from './summaries.ts';
import { Webhook } from './webhook.ts';

export interface OpenApprovalsParts extends KnownTime {
  readonly config: ApprovalsConfig;
  readonly bastionName: string;
  readonly database: Database;
  readonly audit: AuditSink;
  readonly egress: () => Egress;
  /** Why approvals have just ended, as a sentence: sessions are to be looked at again. */
  readonly onEnded: (sentence: string) => void;
  /** Something was granted: sessions that have it may go on for longer. */
  readonly onGranted: () => void;
  readonly log: Logger;
  readonly teardown: { add(step: () => Promise<void> | void): void };
}

/** Puts together all that belongs to approvals. @throws `store.*`, `audit.unavailable` */
export async function openApprovals(parts: OpenApprovalsParts): Promise<Approvals> {
  const { config, bastionName, database, audit, clock, log, teardown } = parts;
  const approvals = await Approvals.open({
    store: new GrantStore(database),
    approvers: new Approvers({
      sameAs: config.sameAs,
      creatorOfToken: async (name) => {
        const sql = 'SELECT created_by FROM api_tokens WHERE name = ?';
        return (await database.get<{ created_by: string }>(sql, [name]))?.created_by;
      },
    }),
    ...{ audit, clock, log },
    ...(parts.machine === undefined ? {} : { machine: parts.machine }),
    ...(parts.lastKnownMs === undefined ? {} : { lastKnownMs: parts.lastKnownMs }),
  });
  teardown.add(() => approvals.close());
  approvals.onNews((news) => {
    const ended = endedSentence(news);
    if (ended !== undefined) parts.onEnded(ended);
    if (news.kind === 'granted') parts.onGranted();
  });
  if (config.webhook === undefined) return approvals;
  const webhook = new Webhook({ ...config.webhook, bastionName, egress: parts.egress(), clock, log });
  teardown.add(() => webhook.close());
  approvals.onNews(({ kind, request, grant }) => {
    webhook.send(`approval.${kind}`, {
      ...(request === undefined
        ? {}
        : { request: { ...requestSummary(request, approvals.isNewcomer(request.ask.operator)) } }),
      ...(grant === undefined ? {} : { grant: { ...grantSummary(grant) } }),
    });
  });
  return approvals;
}

function endedSentence({ kind, grant }: ApprovalNews): string | undefined {
  if (grant === undefined) return undefined;
  if (kind === 'expired') return `The time for which the customer approved this is over (${grant.id}).`;
  if (kind === 'revoked') return `The customer has taken the approval back (${grant.id}).`;
  return undefined;
}
