import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, isIP } from 'node:net';
import { z } from 'zod';
import { describeConnectFailure } from '../../shared/egress/connect-failure.ts';
import type { Egress } from '../../shared/egress/egress.ts';
import { fetchJson } from '../../shared/egress/fetch-json.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import { type Check, check, type Finding } from './finding.ts';

const REQUEST_TIMEOUT_MS = 15_000;
const ANSWER_LIMIT_BYTES = 64 * 1024;
const BANNER_LIMIT_BYTES = 255;
/** The most that passes forgive, and what already deserves a look. */
const SKEW_FAIL_S = 30;
const SKEW_WARN_S = 5;
const SWITCHING_PROTOCOLS = 101;

/** The checks on the way to a role over HTTPS: name, TCP or CONNECT proxy, TLS, clock, WebSocket. */
export function httpsChecks(egress: Egress, url: URL, upgradePath: string): readonly Check[] {
  return [
    name(egress, url),
    check('tcp', async (signal) => {
      await egress.reach(url, signal).catch((error: unknown) => {
        throw describeConnectFailure(error, url, egress);
      });
      return [{ state: 'ok', text: `${url.host} is reached ${egress.describe(url)}.` }];
    }),
    identity(egress, url),
    webSocket(egress, url, upgradePath),
  ];
}

function name(egress: Egress, url: URL): Check {
  return check('dns', async () => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) !== 0) return [{ state: 'ok', text: `${host} is an address, no name to look up.` }];
    if (egress.describe(url) !== 'directly')
      return [{ state: 'ok', text: `The outbound proxy looks ${host} up.` }];
    try {
      const found = await lookup(host, { all: true });
      return [{ state: 'ok', text: `${host} is ${found.map((one) => one.address).join(', ')}.` }];
    } catch (error) {
      throw describeConnectFailure(error, url, egress);
    }
  });
}

const document = z.object({ document: z.string() });
const claims = z.object({ id: z.string(), name: z.string(), iat: z.number() });

/** TLS as the role itself would do it, and what is behind it: a Drawbridge role whose clock agrees with ours. */
function identity(egress: Egress, url: URL): Check {
  return check('tls', async (signal) => {
    const { status, body } = await fetchJson(egress, new URL('/.well-known/drawbridge', url), {
      timeoutMs: REQUEST_TIMEOUT_MS,
      signal,
    });
    const answer = document.safeParse(body);
    const claimed = answer.success ? claimsOf(answer.data.document) : undefined;
    if (claimed === undefined) {
      throw new DrawbridgeError(
        'doctor.no_drawbridge',
        `${url.host} answers (HTTP ${status}), but is no Drawbridge.`,
        {
          hint: 'Check the address; a web proxy or a sign-in page may have answered instead.',
        },
      );
    }
    return [
      {
        state: 'ok',
        text: `${url.host} has a certificate that is trusted here, and is ${claimed.name} (${claimed.id}).`,
      },
      skew(claimed.iat - Date.now() / 1000),
    ];
  });
}

/** What the document says of itself. It is not verified here: only the clock is compared. */
function claimsOf(jws: string): z.infer<typeof claims> | undefined {
  try {
    const payload: unknown = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8'));
    const parsed = claims.safeParse(payload);
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function skew(differenceS: number): Omit<Finding, 'check'> {
  const aheadS = Math.round(differenceS);
  if (Math.abs(aheadS) < SKEW_WARN_S)
    return { state: 'ok', text: 'Its clock agrees with the one of this machine.' };
  const text = `Its clock is ${Math.abs(aheadS)} s ${aheadS > 0 ? 'ahead of' : 'behind'} the one of this machine.`;
  const hint = `Set both by NTP: a difference of more than ${SKEW_FAIL_S} s refuses every sign-in and tunnel.`;
  return { state: Math.abs(aheadS) > SKEW_FAIL_S ? 'fail' : 'warn', text, hint };
}

/** Asks for a WebSocket without saying who we are. Only the role itself refuses that with a code of its own. */
function webSocket(egress: Egress, url: URL, path: string): Check {
  return check('websocket', async (signal) => {
    const { status, body } = await askForWebSocket(egress, new URL(path, url), signal).catch(
      (error: unknown) => {
        throw describeConnectFailure(error, url, egress);
      },
    );
    const refused = z.object({ code: z.string() }).safeParse(body);
    if (refused.success || status === SWITCHING_PROTOCOLS)
      return [{ state: 'ok', text: `A request for a WebSocket gets through to ${url.host}.` }];
    throw new DrawbridgeError(
      'doctor.websocket',
      `A request for a WebSocket to ${url.host} is answered by something else (HTTP ${status}).`,
      {
        hint: 'A web proxy or firewall in between does not let WebSockets through: ask for an exception for this address.',
      },
    );
  });
}

function askForWebSocket(
  egress: Egress,
  url: URL,
  signal: AbortSignal,
): Promise<{ status: number; body: unknown }> {
  const options: RequestOptions = {
    agent: egress.agentFor(url),
    signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    },
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'http:' ? httpRequest(url, options) : httpsRequest(url, options);
    request.once('upgrade', (_response, socket) => {
      socket.destroy();
      resolve({ status: SWITCHING_PROTOCOLS, body: undefined });
    });
    request.once('response', (response) => {
      readJson(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    request.on('error', reject);
    request.end();
  });
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT_BYTES) break;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Whether an SSH server greets at this address. */
export function sshServer(what: string, host: string, port: number): Check {
  return check('ssh', async (signal) => {
    const banner = await readBanner(host, port, signal).catch((error: unknown) => {
      throw new DrawbridgeError(
        'doctor.ssh',
        `${what} at ${host}:${port} does not answer: ${messageOf(error)}.`,
        {
          hint: 'Check that it runs, and that a firewall lets this connection through.',
        },
      );
    });
    if (banner.startsWith('SSH-2.0-')) return [{ state: 'ok', text: `${what} answers at ${host}:${port}.` }];
    throw new DrawbridgeError(
      'doctor.ssh',
      `Something at ${host}:${port} answers, but it is no SSH server.`,
      {
        hint: 'Check the address and port.',
      },
    );
  });
}

function readBanner(host: string, port: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal, timeout: REQUEST_TIMEOUT_MS });
    let banner = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      banner += text;
      if (banner.includes('\n') || banner.length > BANNER_LIMIT_BYTES) socket.destroy();
    });
    socket.once('timeout', () => socket.destroy(new Error('it is silent')));
    socket.once('error', reject);
    socket.once('close', () => resolve(banner));
  });
}
