import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import type { AuditEvent } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Resolved } from '../../shared/config/config-path.ts';
import { credentialHeaders, readSecret } from '../../shared/egress/credentials.ts';
import type { Egress } from '../../shared/egress/egress.ts';
import { post } from '../../shared/egress/post.ts';
import { connectTls } from '../../shared/egress/tls-connect.ts';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import type { shipSection } from './config.ts';
import {
  jsonLines,
  otlpLogs,
  type ShippedFrom,
  syslogFrames,
  webhookBody,
  webhookHeaders,
} from './encode.ts';

/** A destination as the configuration has it. */
export type Destination = Resolved<z.infer<typeof shipSection>>[number];

/** Hands a batch over. Resolves when the other end has it. @throws with a sentence when it has not, or may not have */
export type Send = (events: readonly AuditEvent[], signal: AbortSignal) => Promise<void>;

/** What every sender needs. */
export interface SenderParts {
  readonly from: ShippedFrom;
  readonly egress: Egress;
  readonly clock: Clock;
}

const TIMEOUT_MS = 30_000;

/** The sender of a destination. Secrets are read anew for each batch, so that they can be renewed without a restart. */
export function senderFor(destination: Destination, parts: SenderParts): Send {
  switch (destination.kind) {
    case 'syslog':
      return (events, signal) =>
        sendSyslog(destination.address, syslogFrames(events, parts.from), parts, signal);
    case 'webhook':
      return async (events, signal) => {
        const secret = webhookSecret(await readSecret(destination.secretFile));
        const body = webhookBody(events, parts.from);
        // The id stays the same when the batch is sent again, so that a receiver can tell.
        const id = `${parts.from.id}-${events[0]?.seq ?? randomUUID()}-${events.at(-1)?.seq ?? 0}`;
        const headers = webhookHeaders(id, parts.clock.nowMs(), body, secret);
        await postBatch(
          destination.url,
          body,
          { 'content-type': 'application/json', ...headers },
          parts,
          signal,
        );
      };
    case 'jsonl':
      return async (events, signal) => {
        const headers = { 'content-type': 'application/x-ndjson', ...(await credentialHeaders(destination)) };
        await postBatch(destination.url, jsonLines(events), headers, parts, signal);
      };
    case 'otlp':
      return async (events, signal) => {
        const headers = { 'content-type': 'application/json', ...(await credentialHeaders(destination)) };
        const from = { ...parts.from, ...definedPlatform(destination.platformId) };
        checkOtlpAnswer(await postBatch(destination.url, otlpLogs(events, from), headers, parts, signal));
      };
    case 'file':
      return (events) => appendLines(destination.path, jsonLines(events));
  }
}

/**
 * Syslog has no answer. So each batch is a connection of its own, which we close; the receiver closes its side when it
 * has read to the end, and only that counts as received.
 */
async function sendSyslog(
  address: { readonly host: string; readonly port: number },
  frames: Buffer,
  { egress }: SenderParts,
  signal: AbortSignal,
): Promise<void> {
  const socket = await connectTls(egress, address, { timeoutMs: TIMEOUT_MS, signal });
  const limit = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), signal]);
  const stop = () =>
    socket.destroy(new DrawbridgeError('ship.timeout', `${address.host} did not take the events in time.`));
  limit.addEventListener('abort', stop, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      let ended = false;
      socket.once('error', reject);
      // What comes back has no meaning, and must be read for the end to be seen.
      socket.resume();
      socket.once('end', () => {
        // An end that comes before ours is a receiver that went away, and not one that has read everything.
        ended = socket.writableFinished;
      });
      socket.once('close', () =>
        ended
          ? resolve()
          : reject(
              new DrawbridgeError('ship.cut', `${address.host} cut the connection before it had all events.`),
            ),
      );
      socket.end(frames);
    });
  } finally {
    limit.removeEventListener('abort', stop);
    socket.destroy();
  }
}

async function postBatch(
  address: string,
  body: Buffer,
  headers: Record<string, string>,
  { egress }: SenderParts,
  signal: AbortSignal,
): Promise<string> {
  const url = new URL(address);
  const { status, text } = await post(egress, url, { body, headers, timeoutMs: TIMEOUT_MS, signal });
  if (status >= 200 && status < 300) return text;
  const denied = status === 401 || status === 403;
  throw new DrawbridgeError(
    'ship.refused',
    `${url.host} answered with status ${status}${denied ? ': it does not take our credentials' : ''}.`,
  );
}

const otlpAnswerSchema = z.object({
  partialSuccess: z
    .object({ rejectedLogRecords: z.union([z.string(), z.number()]) })
    .partial()
    .optional(),
});

function checkOtlpAnswer(text: string): void {
  let value: unknown = {};
  try {
    value = text === '' ? {} : JSON.parse(text);
  } catch {
    // A collector may answer in protobuf; its status says what counts.
  }
  const answer = otlpAnswerSchema.safeParse(value);
  const rejected = Number(answer.success ? (answer.data.partialSuccess?.rejectedLogRecords ?? 0) : 0);
  if (rejected > 0) {
    throw new DrawbridgeError('ship.refused', `The collector has rejected ${rejected} of the events.`);
  }
}

function definedPlatform(platformId: string | undefined): { platformId?: string } {
  return platformId === undefined ? {} : { platformId };
}

/** Standard Webhooks write secrets as `whsec_` and base64; any other text is taken as it is. */
function webhookSecret(text: string): Buffer {
  return text.startsWith('whsec_') ? Buffer.from(text.slice('whsec_'.length), 'base64') : Buffer.from(text);
}

async function appendLines(path: string, lines: Buffer): Promise<void> {
  let file: Awaited<ReturnType<typeof open>> | undefined;
  try {
    file = await open(path, 'a', 0o600);
    await file.writeFile(lines);
    await file.sync();
  } catch (error) {
    throw new DrawbridgeError(
      'ship.file',
      `${path} can not be written (${systemCodeOf(error) ?? 'unknown'}).`,
      {
        cause: error,
      },
    );
  } finally {
    await file?.close();
  }
}
