import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import { z } from 'zod';
import { describeConnectFailure } from '../../shared/egress/connect-failure.ts';
import type { Egress } from '../../shared/egress/egress.ts';
import { fetchJson } from '../../shared/egress/fetch-json.ts';
import { connectTls } from '../../shared/egress/tls-connect.ts';
import { DrawbridgeError, isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import { type Check, check, type Finding } from './finding.ts';
import { certificateShown } from './shown-certificate.ts';
import { webSocket } from './websocket-check.ts';

const REQUEST_TIMEOUT_MS = 15_000;
const HTTPS_PORT = 443;
const BANNER_LIMIT_BYTES = 255;
/** The most that passes forgive, and what already deserves a look. */
const SKEW_FAIL_S = 30;
const SKEW_WARN_S = 5;

/** What more {@link httpsChecks} may be told. */
export interface WayOptions {
  /** For so long the WebSocket is left silent, to see whether something on the way cuts it. */
  readonly idleMs?: number;
  /** Authorities of `egress.caBundle`, in PEM: what they have issued shows that TLS is inspected. */
  readonly inspectors?: readonly string[];
}

/** The checks on the way to a role over HTTPS: name, TCP or CONNECT proxy, TLS, clock, WebSocket. */
export function httpsChecks(egress: Egress, url: URL, options: WayOptions = {}): readonly Check[] {
  return [
    name(egress, url),
    check('tcp', async (signal) => {
      await egress.reach(url, signal).catch((error: unknown) => {
        throw describeConnectFailure(error, url, egress);
      });
      return [{ state: 'ok', text: `${url.host} is reached ${egress.describe(url)}.` }];
    }),
    ...(egress.describe(url) === 'directly' ? [] : [connectThrough(egress, url)]),
    identity(egress, url),
    ...(url.protocol === 'https:' ? [certificateShown(egress, url, options.inspectors ?? [])] : []),
    webSocket(egress, url, options.idleMs ?? 0),
  ];
}

/** Whether the outbound proxy lets a connection to this address through, and takes our user name and password. */
function connectThrough(egress: Egress, url: URL): Check {
  return check('connect', async (signal) => {
    const address = { host: bareHost(url), port: url.port === '' ? HTTPS_PORT : Number(url.port) };
    try {
      (await connectTls(egress, address, { timeoutMs: REQUEST_TIMEOUT_MS, signal })).destroy();
    } catch (error) {
      // What is behind the proxy is the business of the checks that follow.
      if (isDrawbridgeError(error) && error.code.startsWith('egress.proxy_')) throw error;
    }
    return [{ state: 'ok', text: `The outbound proxy lets CONNECT to ${url.host} through.` }];
  });
}

function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function name(egress: Egress, url: URL): Check {
  return check('dns', async () => {
    const host = bareHost(url);
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
      clockFinding(claimed.iat - Date.now() / 1000),
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

/** Whether a clock that differs by so much does harm. */
export function clockFinding(differenceS: number): Omit<Finding, 'check'> {
  const aheadS = Math.round(differenceS);
  if (Math.abs(aheadS) < SKEW_WARN_S)
    return { state: 'ok', text: 'Its clock agrees with the one of this machine.' };
  const text = `Its clock is ${Math.abs(aheadS)} s ${aheadS > 0 ? 'ahead of' : 'behind'} the one of this machine.`;
  const hint = `Set both by NTP: a difference of more than ${SKEW_FAIL_S} s refuses every sign-in and tunnel.`;
  return { state: Math.abs(aheadS) > SKEW_FAIL_S ? 'fail' : 'warn', text, hint };
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
