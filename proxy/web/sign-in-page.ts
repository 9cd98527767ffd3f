import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { DrawbridgeError } from '../../shared/errors.ts';

/** Where the build puts the page: beside this folder's own output, or under `dist/` when run from source. */
const BUILT_DIRS: readonly string[] = [
  fileURLToPath(new URL('../../sign-in-page', import.meta.url)),
  fileURLToPath(new URL('../../dist/sign-in-page', import.meta.url)),
];

/** Nothing from elsewhere, nothing inline, no frame around it, nothing that leaves by a form. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Serves the page for factors: `/sign-in`, `/register` and `/authenticator`, with their scripts under `/page/`. */
export async function serveSignInPage(server: FastifyInstance): Promise<void> {
  const built = await findBuilt();
  if (built !== undefined) {
    await server.register(fastifyStatic, {
      root: join(built.dir, 'assets'),
      prefix: '/page/assets/',
      index: false,
      dotfiles: 'deny',
      cacheControl: false,
      setHeaders: (response) => response.header('content-security-policy', CONTENT_SECURITY_POLICY),
    });
  }
  const answer = async (_request: unknown, reply: FastifyReply): Promise<FastifyReply> => {
    if (built === undefined) {
      throw new DrawbridgeError('page.not_built', 'The page is not part of this build of Drawbridge.', {
        hint: 'Run "npm run build" and start the proxy again.',
      });
    }
    return reply
      .headers({
        'content-security-policy': CONTENT_SECURITY_POLICY,
        'x-frame-options': 'DENY',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
      })
      .type('text/html; charset=utf-8')
      .send(built.index);
  };
  server.get('/sign-in', answer);
  server.get('/register', answer);
  server.get('/authenticator', answer);
}

async function findBuilt(): Promise<{ readonly dir: string; readonly index: string } | undefined> {
  for (const dir of BUILT_DIRS) {
    const index = await readFile(join(dir, 'index.html'), 'utf8').catch(() => undefined);
    if (index !== undefined) return { dir, index };
  }
  return undefined;
}
