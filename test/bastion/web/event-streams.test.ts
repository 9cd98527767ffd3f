import fastify from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import type { AccessGuard } from '../../../bastion/web/access-guard.ts';
import { BoundedFeed } from '../../../bastion/web/bounded-feed.ts';
import {
  EVENT_STREAM_LIMIT,
  EVENT_STREAMS_PER_CALLER,
  EventStreams,
  type ServerSentEvent,
} from '../../../bastion/web/event-streams.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Streams of `source` behind a server; `?as=NAME` says who asks. */
async function serve(clock: FakeClock, source: () => BoundedFeed<ServerSentEvent>) {
  const guard = {
    callerOf: ({ query }: { query: { as?: string } }) => ({ actor: `admin:${query.as ?? 'vera'}` }),
    isStillIn: async () => true,
  } as unknown as AccessGuard;
  const streams = new EventStreams({ clock, guard });
  const app = fastify();
  app.setErrorHandler((_error, _request, reply) => reply.code(503).send());
  app.get('/events', (request, reply) => streams.send(request, reply, source));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const controller = new AbortController();
  onTestFinished(async () => {
    controller.abort();
    streams.close();
    await app.close();
  });
  return { url, controller };
}

test('a stream on which nothing happens says every 5 s that it is alive, so that both ends notice a dead one', async () => {
  const clock = new FakeClock();
  const feed = new BoundedFeed<ServerSentEvent>(10);
  const { url, controller } = await serve(clock, () => feed);
  const { body } = await fetch(`${url}/events`, { signal: controller.signal });
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const readUntil = async (part: string) => {
    while (!text.includes(part)) text += (await reader?.read())?.value ?? '';
  };
  await readUntil('retry: 2000\n\n');
  feed.push({ event: 'audit', data: 1 });
  await readUntil('event: audit\ndata: 1\n\n');
  expect(text).not.toContain('alive');
  // Again and again, since it can't be seen from here when the silence has begun.
  const silence = setInterval(() => clock.advance(5_000), 10);
  onTestFinished(() => clearInterval(silence));
  await readUntil('event: alive\ndata: {}\n\n');
});

test('one caller can not take the places of all others', async () => {
  const { url, controller } = await serve(new FakeClock(), () => new BoundedFeed<ServerSentEvent>(10));
  const open = async (as: string) =>
    (await fetch(`${url}/events?as=${as}`, { signal: controller.signal })).status;
  const openMany = (as: string, count: number) => Promise.all(Array.from({ length: count }, () => open(as)));
  const all = (count: number, status: number) => Array.from({ length: count }, () => status);
  expect(await openMany('vera', EVENT_STREAMS_PER_CALLER)).toEqual(all(EVENT_STREAMS_PER_CALLER, 200));
  expect(await open('vera')).toBe(503);
  expect(await open('adam')).toBe(200);
  const left = EVENT_STREAM_LIMIT - EVENT_STREAMS_PER_CALLER - 1;
  for (let opened = 0; opened < left; opened += 19)
    expect(await openMany(`viewer-${opened}`, Math.min(19, left - opened))).not.toContain(503);
  expect(await open('eve')).toBe(503);
});
