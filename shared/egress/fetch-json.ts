import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Json } from '../audit/event.ts';
import { DrawbridgeError } from '../errors.ts';
import { describeConnectFailure } from './connect-failure.ts';
import type { Egress } from './egress.ts';

/** Largest answer that is read, unless the caller says otherwise. */
const DEFAULT_LIMIT_BYTES = 1024 * 1024;

/** How to ask. */
export interface FetchJsonOptions {
  /** `GET`, or `POST` when there is a body or form, unless given. */
  readonly method?: string;
  readonly body?: Json;
  /** Sent as a form instead of a body. */
  readonly form?: URLSearchParams;
  readonly headers?: Record<string, string>;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Largest answer; 1 MiB unless given. */
  readonly limitBytes?: number;
  /** Takes any certificate. Only where the answer is itself signed with a key that the caller has pinned. */
  readonly insecureBecausePinned?: boolean;
}

/**
 * One request whose answer is JSON. Redirects are not followed.
 * @returns the status, whatever it is, and the parsed body; `undefined` for an empty or unreadable body of an error.
 *   `dateMs` is the clock of the other end to the second, when it tells.
 * @throws `egress.*` with a plain sentence: not reached, timed out, too large, no JSON; `egress.aborted`.
 */
export async function fetchJson(
  egress: Egress,
  url: URL,
  options: FetchJsonOptions,
): Promise<{ status: number; body: unknown; dateMs: number | undefined }> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  try {
    const response = await send(egress, url, options, signal);
    const text = await readBody(response, url, options.limitBytes ?? DEFAULT_LIMIT_BYTES);
    const status = response.statusCode ?? 0;
    const dateMs = Date.parse(response.headers.date ?? '');
    return { status, body: parseBody(text, status, url), dateMs: Number.isNaN(dateMs) ? undefined : dateMs };
  } catch (error) {
    if (options.signal?.aborted === true) {
      throw new DrawbridgeError('egress.aborted', `The request to ${url.host} was given up.`, {
        cause: error,
      });
    }
    if (deadline.aborted) {
      const seconds = options.timeoutMs / 1000;
      const way = egress.describe(url);
      throw new DrawbridgeError(
        'egress.timeout',
        `${url.host} did not answer within ${seconds} s (${way}).`,
        {
          hint: 'A firewall may drop the packets; ask for outbound HTTPS to this address, or set egress.proxy.',
          cause: error,
        },
      );
    }
    throw describeConnectFailure(error, url, egress);
  }
}

function send(
  egress: Egress,
  url: URL,
  options: FetchJsonOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { form, body } = options;
  const payload = form?.toString() ?? (body === undefined ? undefined : JSON.stringify(body));
  const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
  const method = options.method ?? (payload === undefined ? 'GET' : 'POST');
  const requestOptions = {
    method,
    agent: egress.agentFor(url),
    signal,
    headers: {
      accept: 'application/json',
      ...(payload === undefined
        ? {}
        : { 'content-type': type, 'content-length': String(Buffer.byteLength(payload)) }),
      ...options.headers,
    },
  };
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === 'http:'
        ? httpRequest(url, requestOptions)
        : httpsRequest(url, {
            ...requestOptions,
            rejectUnauthorized: options.insecureBecausePinned !== true,
          });
    request.once('response', resolve);
    // Stays after the first error: the abort of a finished request may bring another.
    request.on('error', reject);
    request.end(payload);
  });
}

async function readBody(response: IncomingMessage, url: URL, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > limitBytes) {
      throw new DrawbridgeError(
        'egress.too_large',
        `The answer of ${url.host} is larger than ${limitBytes} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(text: string, status: number, url: URL): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch (cause) {
    if (status >= 300) return undefined;
    throw new DrawbridgeError('egress.not_json', `${url.host} answered with something that is no JSON.`, {
      hint: 'Check the address; a web proxy or sign-in page may have answered instead.',
      cause,
    });
  }
}
