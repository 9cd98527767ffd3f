import { DrawbridgeError } from '../../../shared/errors.ts';
import type { RecordingParts } from '../../search/open-library.ts';
import {
  commandListSchema,
  commandsQuerySchema,
  deletedRecordingsSchema,
  deleteRecordingsSchema,
  doneSchema,
  holdListSchema,
  holdSchema,
  inSessionQuerySchema,
  inSessionResultSchema,
  problemSchema,
  replayIndexSchema,
  replayQuerySchema,
  replaySegmentSchema,
  searchQuerySchema,
  searchResultSchema,
  segmentNumberSchema,
  sessionIdSchema,
} from '../api.ts';
import { searchEverything } from '../session-search.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** Recordings: find what was on a screen, seek, keep and delete. */
export function recordingRoutes(app: WebApp, context: RouteContext): void {
  const { guard, service } = context;

  app.get(
    '/api/search',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary:
          'Find sessions by what their screens showed, and by operator, host, login, id or command; audited',
        description:
          'Newest sessions first. All words have to occur near each other on the screens of a session.',
        tags: ['sessions'],
        querystring: searchQuerySchema,
        response: { 200: searchResultSchema, '4xx': problemSchema },
      },
    },
    (request) => {
      const { q, limit, ...filter } = request.query;
      const { actor } = guard.callerOf(request);
      return searchEverything({ service, library: context.recordings?.library, actor }, q, limit, filter);
    },
  );

  const parts = context.recordings;
  if (parts === undefined) return;
  replayRoutes(app, context, parts);
  keepingRoutes(app, context, parts);
}

function replayRoutes(app: WebApp, { guard }: RouteContext, { library }: RecordingParts): void {
  app.get(
    '/api/sessions/:id/search',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Lines that a recording showed, with the time of each; audited',
        tags: ['sessions'],
        params: sessionIdSchema,
        querystring: inSessionQuerySchema,
        response: { 200: inSessionResultSchema, '4xx': problemSchema },
      },
    },
    (request) => {
      const { q, channel } = request.query;
      return library.searchIn(guard.callerOf(request).actor, request.params.id, channel, q);
    },
  );

  app.get(
    '/api/sessions/:id/commands',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Commands typed in terminals, read off the screens: an aid, no evidence; audited',
        description:
          'Lines behind a prompt, as they stood when the cursor left them. What is not echoed or runs in a script is not there, and an operator can make a line look like anything. Of all recordings of the session without `channel`.',
        tags: ['sessions'],
        params: sessionIdSchema,
        querystring: commandsQuerySchema,
        response: { 200: commandListSchema, '4xx': problemSchema },
      },
    },
    (request) => library.commands(guard.callerOf(request).actor, request.params.id, request.query.channel),
  );

  app.get(
    '/api/sessions/:id/recording/index',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Where to seek in a recording, for a player that takes segments; audited',
        tags: ['sessions'],
        params: sessionIdSchema,
        querystring: replayQuerySchema,
        response: { 200: replayIndexSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { id } = request.params;
      const { channel = 1, pauseLimit } = request.query;
      const index = await library.replayIndex(guard.callerOf(request).actor, id, channel, pauseLimit);
      const times = pauseLimit === undefined ? '' : `&pauseLimit=${pauseLimit}`;
      return {
        ...index,
        segments: index.segments.map((segment) => ({
          ...segment,
          // Beside the index, wherever a reverse proxy has put both.
          url: `segments/${segment.number}?channel=${channel}${times}`,
        })),
      };
    },
  );

  app.get(
    '/api/sessions/:id/recording/segments/:number',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'One segment of a recording: the screen that it begins with, and its events',
        tags: ['sessions'],
        params: segmentNumberSchema,
        querystring: replayQuerySchema,
        response: { 200: replaySegmentSchema, '4xx': problemSchema },
      },
    },
    (request) => {
      const { id, number } = request.params;
      const { channel = 1, pauseLimit } = request.query;
      const of = { channel, number, pauseLimitS: pauseLimit };
      return library.replaySegment(guard.callerOf(request).actor, id, of);
    },
  );
}

function keepingRoutes(app: WebApp, { guard, service }: RouteContext, { retention }: RecordingParts): void {
  const assertSession = async (id: string): Promise<void> => {
    if ((await service.getSession(id)) !== undefined) return;
    throw new DrawbridgeError('session.not_found', 'There is no such session.');
  };

  app.get(
    '/api/holds',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Sessions whose recordings are on legal hold',
        tags: ['recordings'],
        response: { 200: holdListSchema, '4xx': problemSchema },
      },
    },
    async () => ({ holds: await retention.holds() }),
  );

  app.put(
    '/api/sessions/:id/hold',
    {
      onRequest: guard.require('admin'),
      schema: {
        summary: 'Keep the recordings of a session, whatever its age, until it is released',
        tags: ['recordings'],
        params: sessionIdSchema,
        body: holdSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      await assertSession(request.params.id);
      await retention.hold(guard.callerOf(request).actor, request.params.id, request.body.reason);
      return { ok: true as const };
    },
  );

  app.delete(
    '/api/sessions/:id/hold',
    {
      onRequest: guard.require('admin'),
      schema: {
        summary: 'Release a session from legal hold',
        tags: ['recordings'],
        params: sessionIdSchema,
        body: holdSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      await retention.release(guard.callerOf(request).actor, request.params.id, request.body.reason);
      return { ok: true as const };
    },
  );

  app.post(
    '/api/sessions/:id/recordings/delete',
    {
      onRequest: guard.require('admin'),
      schema: {
        summary: 'Delete recordings of a session for good; audited with their digests',
        tags: ['recordings'],
        params: sessionIdSchema,
        body: deleteRecordingsSchema,
        response: { 200: deletedRecordingsSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      await assertSession(request.params.id);
      const { channel, reason } = request.body;
      const { actor } = guard.callerOf(request);
      return { deleted: await retention.delete(actor, request.params.id, channel, reason) };
    },
  );
}
