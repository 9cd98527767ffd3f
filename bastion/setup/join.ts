import { z } from 'zod';
import type { Json } from '../../shared/audit/event.ts';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { createEgress, type Egress } from '../../shared/egress/egress.ts';
import { fetchJson } from '../../shared/egress/fetch-json.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { signEnrolment, verifyEnrolmentReply } from '../../shared/identity/enrolment.ts';
import { verifyIssuerDocument } from '../../shared/identity/issuer-document.ts';
import { parseJoinToken } from '../../shared/identity/join-token.ts';
import { loadNodeIdentity } from '../../shared/identity/node-identity.ts';
import { loadSshKeyFile } from '../../shared/ssh/keys.ts';
import { type BastionConfig, bastionPaths } from '../config.ts';
import { type ProxyEnrolment, readProxyEnrolment, writeProxyEnrolment } from './enrolment-file.ts';

const REQUEST_TIMEOUT_MS = 15_000;

const documentSchema = z.object({ document: z.string().min(1) });
const replySchema = z.object({ reply: z.string().min(1) });
const problemSchema = z.object({ code: z.string(), message: z.string(), hint: z.string().optional() });

export interface JoinProxyOptions {
  readonly config: BastionConfig;
  /** Address of the vendor's proxy, `https://…`. */
  readonly url: string;
  readonly token: string;
  readonly clock?: Clock;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Enrols this bastion at the vendor's proxy and pins the proxy's key. The token's thumbprint says which key is the
 * right one, so that whoever carries the connection can neither take the proxy's place nor use the token.
 * @throws `join.already`, `join.bad_url`, `token.malformed`, `issuer.*`, `enrolment.*`, `egress.*`, or the proxy's own
 * code and sentence.
 */
export async function joinProxy(options: JoinProxyOptions): Promise<ProxyEnrolment> {
  const { config, clock = systemClock } = options;
  const paths = bastionPaths(config);
  const token = parseJoinToken(options.token.trim());
  const before = await readProxyEnrolment(paths.enrolment);
  if (before !== undefined) {
    throw new DrawbridgeError('join.already', `This bastion has joined the proxy at ${before.url} already.`, {
      hint: `To join another one, remove ${paths.enrolment} first.`,
    });
  }
  const base = baseUrl(options.url);
  const identity = await loadNodeIdentity(config.dataDir);
  const hostKey = await loadSshKeyFile(paths.sshHostKey);
  const egress = createEgress(config.egress, options.env === undefined ? {} : { env: options.env });
  const issuerAnswer = await ask(egress, new URL('/.well-known/drawbridge', base), undefined, documentSchema);
  const issuer = await verifyIssuerDocument(issuerAnswer.document, token.issuerThumbprint, clock);
  if (issuer.role !== 'proxy') {
    throw new DrawbridgeError(
      'join.not_a_proxy',
      `${base.origin} is a ${issuer.role}, not a vendor's proxy.`,
      {
        hint: 'Bastions join the proxy of the vendor; agents join a bastion.',
      },
    );
  }
  const request = { role: 'bastion', sshHostKey: hostKey.publicLine, fields: {} } as const;
  const proof = await signEnrolment(token, identity, request, clock);
  const { reply } = await ask(egress, new URL('/api/enrol', base), { proof }, replySchema);
  const fields = await verifyEnrolmentReply(reply, { issuer, joinerId: identity.id, clock });
  const enrolment = { issuer, url: base.origin, fields: { ...fields } };
  await writeProxyEnrolment(paths.enrolment, enrolment);
  return enrolment;
}

function baseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:') {
    throw new DrawbridgeError('join.bad_url', `"${text.slice(0, 200)}" is not the address of a proxy.`, {
      hint: 'It looks like https://proxy.example.com.',
    });
  }
  return url;
}

/** The certificate is not looked at: what matters in either answer is signed with the key that the token names. */
async function ask<T>(egress: Egress, url: URL, body: Json | undefined, schema: z.ZodType<T>): Promise<T> {
  const answer = await fetchJson(egress, url, {
    timeoutMs: REQUEST_TIMEOUT_MS,
    insecureBecausePinned: true,
    ...(body === undefined ? {} : { method: 'POST', body }),
  });
  if (answer.status === 200) {
    const parsed = schema.safeParse(answer.body);
    if (parsed.success) return parsed.data;
  }
  const problem = problemSchema.safeParse(answer.body);
  if (answer.status >= 400 && problem.success) {
    const { code, message, hint } = problem.data;
    throw new DrawbridgeError(code, message, hint === undefined ? {} : { hint });
  }
  throw new DrawbridgeError('join.not_drawbridge', `${url.origin} does not answer like a Drawbridge proxy.`, {
    hint: 'Check the address with the vendor.',
  });
}
