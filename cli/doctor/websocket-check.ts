import type { Egress } from '../../shared/egress/egress.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { probeWebSocket } from '../../shared/tunnel/probe.ts';
import { formatDuration } from '../format.ts';
import { CHECK_TIMEOUT_MS, type Check, check, type Finding } from './finding.ts';

const HINT =
  'A web proxy or firewall in between does not let WebSockets through: ask for an exception for this address.';

/** Opens a WebSocket to the role, talks in it, and with `idleMs` looks whether it stays while nothing is said. */
export function webSocket(egress: Egress, url: URL, idleMs: number): Check {
  const run = async (signal: AbortSignal): Promise<readonly Omit<Finding, 'check'>[]> => {
    const result = await probeWebSocket({ url, egress, idleMs, signal });
    switch (result.kind) {
      case 'passed':
        return [
          {
            state: 'ok',
            text: `A WebSocket to ${url.host} opens, and carries data both ways${stayed(idleMs)}.`,
          },
        ];
      case 'not_offered':
        return [requestPassed(url, idleMs)];
      case 'intercepted':
        throw new DrawbridgeError(
          'doctor.websocket',
          `A request for a WebSocket to ${url.host} is answered by something else (HTTP ${result.status}).`,
          { hint: HINT },
        );
      case 'cut':
        throw new DrawbridgeError(
          'doctor.websocket',
          `The WebSocket to ${url.host} was cut, or went deaf, after ${formatDuration(result.afterMs)}.`,
          { hint: cutHint(idleMs) },
        );
    }
  };
  return check('websocket', run, CHECK_TIMEOUT_MS + idleMs);
}

function stayed(idleMs: number): string {
  return idleMs === 0 ? '' : `, also after ${formatDuration(idleMs)} of silence`;
}

/** An older role, or one that has too many probes: that it answered itself says that the request got through. */
function requestPassed(url: URL, idleMs: number): Omit<Finding, 'check'> {
  const text = `A request for a WebSocket gets through to ${url.host}.`;
  if (idleMs === 0) return { state: 'ok', text };
  const hint = 'Try again in a minute; if it stays, the other end is of an older version.';
  return { state: 'warn', text: `${text} Whether it stays when idle could not be tried.`, hint };
}

function cutHint(idleMs: number): string {
  if (idleMs === 0) return HINT;
  return (
    'Something in between cuts idle connections. Tunnels say something every 10 s and stay; if they drop all the same,\n' +
    'ask for a longer idle time for this address.'
  ).replace('\n', ' ');
}
