import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { DrawbridgeError } from '../errors.ts';
import { describeConnectFailure } from './connect-failure.ts';
import type { Egress } from './egress.ts';

/** Requests as libraries make them that expect the web's `fetch`. */
export type EgressFetch = (
  url: string,
  options: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body?: unknown;
    readonly signal?: AbortSignal | undefined;
  },
) => Promise<Response>;

/** Statuses whose answer has no body; `Response` refuses one. */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * `fetch` by way of an egress: its proxies, its authorities, its sentences about what stood in the way. Redirects are
 * not followed.
 * @throws `egress.*` from the function that it gives
 */
export function egressFetch(
  egress: Egress,
  limits: { readonly timeoutMs: number; readonly limitBytes: number },
): EgressFetch {
  return async (address, { method, headers, body, signal }) => {
    const url = new URL(address);
    const deadline = AbortSignal.timeout(limits.timeoutMs);
    const either = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
    try {
      return await exchange(
        egress,
        url,
        { method, headers, body: textOf(body), signal: either },
        limits.limitBytes,
      );
    } catch (error) {
      if (signal?.aborted === true) {
        throw new DrawbridgeError('egress.aborted', `The request to ${url.host} was given up.`, {
          cause: error,
        });
      }
      if (deadline.aborted) {
        throw new DrawbridgeError(
          'egress.timeout',
          `${url.host} did not answer within ${limits.timeoutMs / 1000} s (${egress.describe(url)}).`,
          { cause: error },
        );
      }
      throw describeConnectFailure(error, url, egress);
    }
  };
}

function exchange(
  egress: Egress,
  url: URL,
  sent: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body: string | undefined;
    readonly signal: AbortSignal;
  },
  limitBytes: number,
): Promise<Response> {
  const { method, headers, body, signal } = sent;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const options = { method, signal, agent: egress.agentFor(url), headers: { ...headers, ...length } };
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'http:' ? httpRequest(url, options) : httpsRequest(url, options);
    request.on('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('error', reject);
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes <= limitBytes) return;
        request.destroy(
          new DrawbridgeError(
            'egress.too_large',
            `The answer of ${url.host} is larger than ${limitBytes} bytes.`,
          ),
        );
      });
      response.on('end', () => {
        const { statusCode: status = 0 } = response;
        try {
          const given = new Headers();
          for (const [name, values] of Object.entries(response.headersDistinct)) {
            for (const value of values ?? []) given.append(name, value);
          }
          resolve(
            new Response(BODILESS.has(status) ? null : Buffer.concat(chunks), { status, headers: given }),
          );
        } catch (error) {
          reject(error);
        }
      });
    });
    request.end(body);
  });
}

function textOf(body: unknown): string | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string') return body;
  if (body instanceof URLSearchParams) return body.toString();
  throw new TypeError('only texts and forms are sent');
}
