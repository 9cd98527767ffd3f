import { Readable } from 'node:stream';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import {
  auditListSchema,
  auditProofSchema,
  auditQuerySchema,
  auditSeqSchema,
  problemSchema,
} from '../api.ts';
import { BoundedFeed } from '../bounded-feed.ts';
import type { ServerSentEvent } from '../event-streams.ts';
import { refusalFor } from '../http-error.ts';
import { onlySet } from '../only-set.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** Events that a page may lag behind; one more ends its stream, and it connects and reads anew. */
export const PAGE_LAG_LIMIT = 1_000;

/** The audit log: read, follow, take away. */
export function auditRoutes(app: WebApp, context: RouteContext): void {
  const { guard, service, streams } = context;

  app.get(
    '/api/audit',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Audit events, newest first; with `after`, oldest first',
        tags: ['audit'],
        querystring: auditQuerySchema,
        response: { 200: auditListSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { limit, text = '', from, to, ...rest } = request.query;
      const times = { from: utcMoment(from), to: utcMoment(to) };
      const query = { ...onlySet({ ...rest, ...times }), newestFirst: rest.after === undefined, limit };
      const isSearch = text !== '' || from !== undefined || to !== undefined;
      return isSearch ? service.searchAudit(text, query) : { events: await service.queryAudit(query) };
    },
  );

  app.get(
    '/api/audit/:seq/proof',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'What shows that an event is in the log as it was sealed',
        tags: ['audit'],
        params: auditSeqSchema,
        response: { 200: auditProofSchema, '4xx': problemSchema },
      },
    },
    (request) => service.auditProof(request.params.seq),
  );

  app.get(
    '/api/audit/verify',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'The bastion verifies its whole log, recordings left out, as server-sent events',
        description:
          'Some named `progress` with `{events, of}`, and at the end one named `report`, or `problem`. Whoever does not trust the bastion exports the log and verifies it elsewhere.',
        tags: ['audit'],
      },
    },
    (request, reply) =>
      streams.send(request, reply, (signal) => {
        const feed = new BoundedFeed<ServerSentEvent>(PAGE_LAG_LIMIT);
        service
          .verifyAudit((data) => feed.push({ event: 'progress', data }), signal)
          .then(
            (data) => feed.push({ event: 'report', data }),
            (error: unknown) => {
              // Whoever asked has gone, which is no fault.
              if (!signal.aborted) feed.push({ event: 'problem', data: refusalFor(error, context.log).body });
            },
          )
          .finally(() => feed.end());
        return feed;
      }),
  );

  app.get(
    '/api/audit/export',
    {
      onRequest: guard.require('viewer'),
      schema: { summary: 'The whole log as JSON lines, oldest first; audited', tags: ['audit'] },
    },
    async (request, reply) => {
      const events = await service.exportAudit(guard.callerOf(request).actor);
      const day = new Date(context.clock.nowMs()).toISOString().slice(0, 10);
      return reply
        .header('content-type', 'application/jsonl; charset=utf-8')
        .header('content-disposition', `attachment; filename="drawbridge-audit-${day}.jsonl"`)
        .send(Readable.from(jsonLines(events), { objectMode: false }));
    },
  );

  app.get(
    '/api/events',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Audit events as they are stored, as server-sent events',
        description:
          'Each is named `audit`; in silence one named `alive` comes every 15 s. A reader that lags too far behind is disconnected.',
        tags: ['audit'],
      },
    },
    (request, reply) =>
      streams.send(request, reply, (signal) => {
        const feed = new BoundedFeed<AuditEvent>(PAGE_LAG_LIMIT);
        const stop = service.onAudit((event) => feed.push(event));
        signal.addEventListener('abort', () => {
          stop();
          feed.end();
        });
        return named('audit', feed);
      }),
  );
}

/** A moment as events have it, so that it can be compared with theirs. */
function utcMoment(moment: string | undefined): string | undefined {
  return moment === undefined ? undefined : new Date(moment).toISOString();
}

async function* named(event: string, feed: AsyncIterable<AuditEvent>) {
  for await (const data of feed) yield { event, data };
}

async function* jsonLines(events: AsyncIterable<AuditEvent>): AsyncGenerator<string> {
  for await (const event of events) yield `${JSON.stringify(event)}\n`;
}
