import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Json } from '../shared/audit/event.ts';
import { DrawbridgeError } from '../shared/errors.ts';
import type { OperatorHome } from './home.ts';
import { type Login, requireLogin } from './login-file.ts';
import { loginEgress, operatorToken, requestProxy } from './proxy-api.ts';
import { type LoginPlace, obtainLogin } from './sign-in.ts';

const POLL_PERIOD_MS = 1_000;

const begun = z.object({
  id: z.string().max(128),
  secret: z.string().max(128),
  code: z.string().regex(/^[A-Z0-9-]{4,16}$/),
  url: z.url({ protocol: /^https$/ }),
  expiresAt: z.iso.datetime({ offset: true }),
});
const stateAnswer = z.object({ state: z.enum(['waiting', 'approved', 'denied']) });
const linkAnswer = z.object({ url: z.url({ protocol: /^https$/ }), expiresAt: z.string() });

/** What the operator has to see: the page to open, and the code that it must show. */
export interface BrowserPrompt {
  readonly url: URL;
  readonly code: string;
}

/**
 * Signs an operator in with a security key, on the proxy's page in a browser of this machine or another one.
 * @param prompt shows where to go, and opens a browser if there is one
 * @param signal gives up
 * @throws `login.denied`, `login.timeout`, `login.cancelled`, what the proxy refuses with, and what `obtainLogin` throws
 */
export function signInWithSecurityKey(
  place: LoginPlace,
  prompt: (shown: BrowserPrompt) => Promise<void>,
  signal: AbortSignal,
): Promise<Login> {
  return obtainLogin(place, 'drawbridge', async ({ egress, url, publicKey, lifetime, proveDevice }) => {
    const ask = (path: string, body: Json): Promise<unknown> =>
      requestProxy(egress, url, path, { method: 'POST', body });
    const request = readAs(begun, await ask('/api/sign-in', { publicKey, ...lifetime }));
    const page = new URL(request.url);
    // The proxy chooses the address: on another origin its page could not ask for this proxy's keys anyway.
    if (page.origin !== new URL(url).origin) {
      throw new DrawbridgeError(
        'login.other_origin',
        `The proxy calls itself ${page.origin}, and you have named it ${new URL(url).origin}.`,
        { hint: `Use the name that it gives itself: drawbridge login ${page.origin}` },
      );
    }
    await prompt({ url: page, code: request.code });
    const own = { id: request.id, secret: request.secret };
    await untilApproved(() => ask('/api/sign-in/state', own), Date.parse(request.expiresAt), signal);
    return ask('/api/sign-in/finish', { ...own, ...(await proveDevice()) });
  });
}

/** A link with which the operator of the login registers one more security key. @throws `login.not_fresh`, … */
export async function requestRegistrationLink(
  home: OperatorHome,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly url: URL; readonly expiresAt: string }> {
  const login = await requireLogin(home, Date.now());
  const egress = await loginEgress(home, login, env);
  const answer = await requestProxy(egress, login.proxy.url, '/api/operator/security-keys', {
    method: 'POST',
    body: {},
    token: await operatorToken(home, login, env),
  });
  const { url, expiresAt } = readAs(linkAnswer, answer);
  return { url: new URL(url), expiresAt };
}

async function untilApproved(
  askState: () => Promise<unknown>,
  endsAtMs: number,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const { state } = readAs(stateAnswer, await askState());
    if (state === 'approved') return;
    if (state === 'denied') {
      throw new DrawbridgeError('login.denied', 'The sign-in was refused in the browser.', {
        hint: 'Start again with `drawbridge login --security-key`.',
      });
    }
    if (Date.now() >= endsAtMs) {
      throw new DrawbridgeError('login.timeout', 'Nobody answered in the browser in time.', {
        hint: 'Start again with `drawbridge login --security-key`.',
      });
    }
    await sleep(POLL_PERIOD_MS, undefined, { signal }).catch((cause: unknown) => {
      throw new DrawbridgeError('login.cancelled', 'Cancelled.', { cause });
    });
  }
}

function readAs<T>(schema: z.ZodType<T>, answer: unknown): T {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new DrawbridgeError('proxy.unexpected', 'The proxy answered the login in an unknown form.', {
    hint: 'Use the command of the same version as the proxy.',
    cause: parsed.error,
  });
}
