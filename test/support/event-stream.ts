import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { waitFor } from './wait-for.ts';

/** A reader of server-sent events. */
export interface EventStreamReader {
  readonly status: number;
  readonly contentType: string | undefined;
  /** All that came so far, as `[event, data]`. */
  readonly messages: readonly (readonly [event: string, data: unknown])[];
  /** Waits until so many messages have come. */
  waitFor(count: number): Promise<void>;
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<unknown>;
  close(): void;
}

/** Opens an event stream over HTTPS. */
export async function openEventStream(
  url: string,
  ca: string,
  headers: Record<string, string>,
): Promise<EventStreamReader> {
  const sent: ClientRequest = request(url, { ca, headers, agent: false });
  sent.on('error', () => undefined);
  sent.end();
  const [response]: [IncomingMessage] = (await once(sent, 'response')) as [IncomingMessage];
  const messages: [string, unknown][] = [];
  let buffered = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    buffered += chunk;
    const frames = buffered.split('\n\n');
    buffered = frames.pop() ?? '';
    for (const frame of frames) {
      const fields = new Map(frame.split('\n').map((line) => line.split(/: ?(.*)/s) as [string, string]));
      const data = fields.get('data');
      if (data !== undefined) messages.push([fields.get('event') ?? 'message', JSON.parse(data)]);
    }
  });
  response.on('error', () => undefined);
  return {
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'],
    messages,
    waitFor: async (count) => {
      await waitFor(() => messages.length >= count, { what: `${count} events` });
    },
    ended: new Promise((resolve) => response.once('close', resolve)),
    close: () => sent.destroy(),
  };
}
