import { CAST_SUFFIX, ENCRYPTED_CAST_SUFFIX } from '../../../recordings/format.ts';
import { castStream, isEncryptedCast } from '../../../recordings/stored-cast.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';
import type { LiveRecordingEvent } from '../../service.ts';
import {
  doneSchema,
  endSessionSchema,
  problemSchema,
  recordingFileQuerySchema,
  sessionIdSchema,
  sessionListSchema,
  sessionNamesSchema,
  sessionQuerySchema,
  sessionSchema,
} from '../api.ts';
import type { ServerSentEvent } from '../event-streams.ts';
import { onlySet } from '../only-set.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** Sessions: list, look at, watch, replay, end, find. */
export function sessionRoutes(app: WebApp, context: RouteContext): void {
  const { guard, service, streams } = context;
  const noSession = () => new DrawbridgeError('session.not_found', 'There is no such session.');

  app.get(
    '/api/sessions',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Sessions, newest first',
        tags: ['sessions'],
        querystring: sessionQuerySchema,
        response: { 200: sessionListSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { live, limit, ...rest } = request.query;
      const sessions = await service.listSessions({
        limit,
        ...(live === undefined || live === '' ? {} : { live: live === 'true' || live === '1' }),
        ...onlySet(rest),
      });
      return { sessions };
    },
  );

  app.get(
    '/api/sessions/names',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Operators, hosts and logins that the stored sessions have',
        tags: ['sessions'],
        response: { 200: sessionNamesSchema, '4xx': problemSchema },
      },
    },
    () => service.sessionNames(),
  );

  app.get(
    '/api/sessions/:id',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'One session',
        tags: ['sessions'],
        params: sessionIdSchema,
        response: { 200: sessionSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const session = await service.getSession(request.params.id);
      if (session === undefined) throw noSession();
      return session;
    },
  );

  app.post(
    '/api/sessions/:id/end',
    {
      onRequest: guard.require('approver'),
      schema: {
        summary: 'End a live session at once',
        tags: ['sessions'],
        params: sessionIdSchema,
        body: endSessionSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      await service.endSession(guard.callerOf(request).actor, request.params.id, request.body?.message);
      return { ok: true as const };
    },
  );

  app.get(
    '/api/sessions/:id/recording',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'The recording of a channel as an asciicast v2 file, up to its last whole line; audited',
        description:
          'Of an encrypted one it is the age file (`application/x-age`) with the asciicast in it: the bastion can not read it.',
        tags: ['sessions'],
        params: sessionIdSchema,
        querystring: recordingFileQuerySchema,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { channel, for: use } = request.query;
      const { actor } = guard.callerOf(request);
      const { path, sizeBytes } = await service.openRecording(actor, id, channel, use);
      const body = castStream(path, sizeBytes);
      const isEncrypted = isEncryptedCast(path);
      const suffix = isEncrypted ? ENCRYPTED_CAST_SUFFIX : CAST_SUFFIX;
      return reply
        .header('content-type', isEncrypted ? 'application/x-age' : 'application/x-asciicast')
        .header('content-length', sizeBytes)
        .header('content-disposition', `attachment; filename="${fileNameOf(id, channel)}${suffix}"`)
        .send(body);
    },
  );

  app.get(
    '/api/sessions/:id/live',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'A live session as server-sent events; audited',
        description:
          'First the header of the asciicast file, then its events as `[seconds, code, data]`; at its end one event ' +
          'named `done`. Who is far behind, because they join a long session or are slow, gets the size (`r`) and ' +
          'the screen (`o`) of a moment ago instead of what was before, and every event from there on.',
        tags: ['sessions'],
        params: sessionIdSchema,
      },
    },
    (request, reply) =>
      streams.send(request, reply, async (signal) => {
        const { id } = request.params;
        return liveEvents(await service.watchSession(guard.callerOf(request).actor, id, signal));
      }),
  );
}

async function* liveEvents(source: AsyncIterable<LiveRecordingEvent>): AsyncGenerator<ServerSentEvent> {
  for await (const item of source) {
    switch (item.kind) {
      case 'header':
        yield { data: item.header };
        break;
      case 'event':
        yield { data: [item.time, item.code, item.data] };
        break;
      case 'end':
        yield { event: 'done', data: {} };
        return;
    }
  }
}

/** Ids come from the bastion itself; all the same nothing but plain characters goes into a header. */
function fileNameOf(id: string, channel: number | undefined): string {
  const suffix = channel === undefined ? '' : `-${channel}`;
  return `${id.replaceAll(/[^\w-]/g, '_')}${suffix}`;
}
