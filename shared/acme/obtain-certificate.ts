import { createPrivateKey, X509Certificate } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { DrawbridgeError } from '../errors.ts';
import type { AcmeKey } from '../identity/acme-key.ts';
import { type AcmeAnswer, type AcmeServer, acmeUrl, jsonIn, unexpected } from './acme-server.ts';
import { requestCertificateFor } from './certificate-request.ts';
import type { ChallengeListener } from './challenge-listener.ts';

/** How often the server is asked whether it has come to a decision, and how long it may take. */
const POLL_S = 1;
const POLL_MAX_S = 10;
const DECISION_LIMIT_MS = 120_000;

const orderSchema = z.looseObject({
  status: z.string(),
  authorizations: z.array(acmeUrl),
  finalize: acmeUrl,
  certificate: acmeUrl.optional(),
  error: z.looseObject({ detail: z.string().optional() }).optional(),
});

const authorizationSchema = z.looseObject({
  status: z.string(),
  identifier: z.looseObject({ value: z.string() }),
  challenges: z.array(
    z.looseObject({
      type: z.string(),
      url: acmeUrl,
      token: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,256}$/)
        .optional(),
      error: z.looseObject({ detail: z.string().optional() }).optional(),
    }),
  ),
});

/** A certificate with its chain, and its key. PEM. */
export interface ObtainedCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * Gets a certificate for these DNS names: an account, an order, the proof by HTTP-01 that each name leads here, and the
 * certificate for a key that is made now (RFC 8555, 7.4).
 * @throws `acme.refused`, `acme.name_not_proven`, `acme.too_slow`, `acme.no_http_challenge`, `acme.unexpected`,
 * `egress.*`
 */
export async function obtainCertificate(parts: {
  readonly server: AcmeServer;
  readonly key: AcmeKey;
  readonly names: readonly string[];
  readonly email: string | undefined;
  readonly challenges: ChallengeListener;
  readonly signal: AbortSignal;
}): Promise<ObtainedCertificate> {
  const { server, names, email, signal } = parts;
  await server.signUp(email === undefined ? [] : [`mailto:${email}`]);
  const ordered = await server.order(names);
  const orderUrl = ordered.location;
  if (orderUrl === undefined) throw unexpected('it named no order');
  const order = read(orderSchema, ordered, 'an order');
  for (const url of order.authorizations) await proveName(parts, url);
  const request = await requestCertificateFor(names);
  await server.post(order.finalize, { csr: request.der.toString('base64url') });
  const issued = await untilDecided(server, orderUrl, signal, (answer) => {
    const now = read(orderSchema, answer, 'an order');
    if (now.status === 'invalid')
      throw new DrawbridgeError(
        'acme.refused',
        `The certificate was refused: ${now.error?.detail ?? 'no reason given'}`,
      );
    return now.status === 'valid' ? now.certificate : undefined;
  });
  const cert = (await server.post(issued)).text;
  assertFits(cert, request.keyPem);
  return { cert, key: request.keyPem };
}

/** What is stored is served, and not asked for again before it is old. */
function assertFits(cert: string, keyPem: string): void {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(cert);
  } catch {
    throw unexpected('what it gave is no certificate');
  }
  if (!leaf.checkPrivateKey(createPrivateKey(keyPem)))
    throw unexpected('the certificate that it gave is for another key');
}

async function proveName(
  parts: {
    readonly server: AcmeServer;
    readonly key: AcmeKey;
    readonly challenges: ChallengeListener;
    readonly signal: AbortSignal;
  },
  url: string,
): Promise<void> {
  const { server, key, challenges, signal } = parts;
  const authorization = read(authorizationSchema, await server.post(url), 'an authorization');
  // It may be proven still, from the time before.
  if (authorization.status === 'valid') return;
  const challenge = authorization.challenges.find(({ type }) => type === 'http-01');
  if (challenge?.token === undefined) {
    throw new DrawbridgeError(
      'acme.no_http_challenge',
      `The ACME server offers no HTTP-01 challenge for ${authorization.identifier.value}.`,
      { hint: 'Names with * and addresses can not be had in this way.' },
    );
  }
  challenges.answer(challenge.token, await key.keyAuthorization(challenge.token));
  await server.post(challenge.url, {});
  await untilDecided(server, url, signal, (answer) => {
    const now = read(authorizationSchema, answer, 'an authorization');
    if (now.status === 'valid') return true;
    if (now.status === 'pending' || now.status === 'processing') return undefined;
    const why = now.challenges.find(({ error }) => error !== undefined)?.error?.detail ?? now.status;
    throw new DrawbridgeError(
      'acme.name_not_proven',
      `The ACME server could not see that ${now.identifier.value} leads here: ${why.slice(0, 500)}`,
      { hint: 'The name must lead to this machine, and port 80 must be reachable for the ACME server.' },
    );
  });
}

async function untilDecided<T>(
  server: AcmeServer,
  url: string,
  signal: AbortSignal,
  decide: (answer: AcmeAnswer) => T | undefined,
): Promise<T> {
  const endMs = performance.now() + DECISION_LIMIT_MS;
  while (true) {
    const answer = await server.post(url);
    const decided = decide(answer);
    if (decided !== undefined) return decided;
    if (performance.now() >= endMs)
      throw new DrawbridgeError(
        'acme.too_slow',
        `The ACME server took longer than ${DECISION_LIMIT_MS / 1000} s.`,
      );
    const pauseS = Math.min(Math.max(answer.retryAfterS ?? POLL_S, POLL_S), POLL_MAX_S);
    await wait(pauseS * 1000, undefined, { signal });
  }
}

function read<T>(schema: z.ZodType<T>, answer: AcmeAnswer, what: string): T {
  const parsed = schema.safeParse(jsonIn(answer.text));
  if (parsed.success) return parsed.data;
  throw unexpected(`this is not ${what}`);
}
