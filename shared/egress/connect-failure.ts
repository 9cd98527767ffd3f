import { DrawbridgeError, isDrawbridgeError, messageOf, systemCodeOf } from '../errors.ts';
import type { Egress } from './egress.ts';

/** Node's codes for a certificate whose issuer is not trusted. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_UNTRUSTED',
]);

const TIMEOUTS = new Set(['ETIMEDOUT', 'ESOCKETTIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH']);

/**
 * What it means that a connection to `url` did not come about, as an error with a plain sentence and what to do.
 * A {@link DrawbridgeError} (of the proxy's, for one) is given back as it is.
 */
export function describeConnectFailure(error: unknown, url: URL, egress: Egress): DrawbridgeError {
  if (isDrawbridgeError(error)) return error;
  const code = systemCodeOf(error) ?? '';
  return certificateFailure(error, code, url, egress) ?? networkFailure(error, code, url, egress);
}

function certificateFailure(
  error: unknown,
  code: string,
  url: URL,
  egress: Egress,
): DrawbridgeError | undefined {
  if (UNTRUSTED.has(code)) {
    const issuer = error instanceof Error ? egress.issuerOf(error) : undefined;
    const by = issuer === undefined ? 'an authority' : `'${issuer}'`;
    return new DrawbridgeError(
      'egress.tls_untrusted',
      `The certificate of ${url.host} is signed by ${by}, which is not trusted here.`,
      {
        hint: 'If it is right all the same (a private CA, a network that inspects TLS), name the file with its certificate: --ca at `drawbridge login`, --ca-bundle at `agent join`, egress.caBundle in the config file of a role.',
        cause: error,
      },
    );
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return new DrawbridgeError(
      'egress.tls_expired',
      `The certificate of ${url.host} is not valid at this time.`,
      {
        hint: 'Check the clock of this machine; if it is right, the certificate must be renewed at the other end.',
        cause: error,
      },
    );
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return new DrawbridgeError(
      'egress.tls_name',
      `The certificate of the other end is not for ${url.hostname}.`,
      {
        hint: 'Check the address, or use the name that the certificate was made for.',
        cause: error,
      },
    );
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return new DrawbridgeError(
      'egress.tls_failed',
      `${url.host} does not speak TLS in a way that is allowed here.`,
      {
        hint: 'Check the port; Drawbridge needs TLS 1.2 or newer.',
        cause: error,
      },
    );
  }
  return undefined;
}

function networkFailure(error: unknown, code: string, url: URL, egress: Egress): DrawbridgeError {
  const way = egress.describe(url);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new DrawbridgeError('egress.dns', `The name ${url.hostname} is not found in DNS.`, {
      hint: 'Check the address and the name servers of this machine; behind a proxy, set egress.proxy.',
      cause: error,
    });
  }
  if (code === 'ECONNREFUSED') {
    return new DrawbridgeError('egress.refused', `Nothing listens at ${url.host}.`, {
      hint: 'Check the address and port, and that the other end runs.',
      cause: error,
    });
  }
  if (TIMEOUTS.has(code) || /timed out/i.test(messageOf(error))) {
    return new DrawbridgeError('egress.timeout', `${url.host} does not answer (${way}).`, {
      hint: 'A firewall may drop the packets; ask for outbound HTTPS to this address, or set egress.proxy.',
      cause: error,
    });
  }
  if (code === 'ECONNRESET' || code === 'EPIPE' || messageOf(error) === 'socket hang up') {
    return new DrawbridgeError(
      'egress.closed',
      `The connection to ${url.host} was closed during the handshake (${way}).`,
      {
        hint: 'A firewall or an inspecting proxy may cut it; ask for outbound HTTPS and WebSocket to this address.',
        cause: error,
      },
    );
  }
  return new DrawbridgeError(
    'egress.failed',
    `${url.host} cannot be reached (${way}): ${messageOf(error)}.`,
    {
      cause: error,
    },
  );
}
