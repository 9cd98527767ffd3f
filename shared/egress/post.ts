import { request as httpsRequest } from 'node:https';
import { DrawbridgeError } from '../errors.ts';
import { describeConnectFailure } from './connect-failure.ts';
import type { Egress } from './egress.ts';

/** What of an answer is kept: enough for a reason. */
const ANSWER_LIMIT_BYTES = 64 * 1024;

/** What to send. */
export interface PostOptions {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Posts bytes over HTTPS. Redirects are not followed.
 * @returns the status, whatever it is, and the first 64 KiB of the answer
 * @throws `egress.*` with a plain sentence
 */
export async function post(
  egress: Egress,
  url: URL,
  options: PostOptions,
): Promise<{ status: number; text: string }> {
  const deadline = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([deadline, options.signal]);
  try {
    return await new Promise((resolve, reject) => {
      const request = httpsRequest(url, {
        method: 'POST',
        agent: egress.agentFor(url),
        signal,
        headers: { ...options.headers, 'content-length': String(options.body.length) },
      });
      request.on('error', reject);
      request.once('response', (response) => {
        const pieces: Buffer[] = [];
        let bytes = 0;
        response.on('data', (piece: Buffer) => {
          if (bytes < ANSWER_LIMIT_BYTES) pieces.push(piece.subarray(0, ANSWER_LIMIT_BYTES - bytes));
          bytes += piece.length;
          if (bytes > ANSWER_LIMIT_BYTES) response.destroy();
        });
        response.once('error', reject);
        response.once('close', () => {
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') });
        });
      });
      request.end(options.body);
    });
  } catch (error) {
    if (options.signal.aborted) {
      throw new DrawbridgeError('egress.aborted', `The request to ${url.host} was given up.`, {
        cause: error,
      });
    }
    if (deadline.aborted) {
      throw new DrawbridgeError(
        'egress.timeout',
        `${url.host} did not answer within ${options.timeoutMs / 1000} s.`,
        {
          cause: error,
        },
      );
    }
    throw describeConnectFailure(error, url, egress);
  }
}
