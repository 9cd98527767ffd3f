import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyRequest } from 'fastify';
import { DrawbridgeError } from '../../shared/errors.ts';
import { nothingHere } from './http-error.ts';
import type { WebApp } from './web-app.ts';

/** Names under assets/ carry a hash of their content, so what was fetched once is right for ever. */
const ASSET_MAX_AGE_MS = 365 * 24 * 3_600_000;

/** A reverse proxy that serves the page under a path takes it off and names it here. */
const PREFIX_HEADER = 'x-forwarded-prefix';
/** Path segments of plain characters only: it is written into the page. */
const PREFIX_PATTERN = /^(\/[A-Za-z0-9][A-Za-z0-9._~-]{0,63}){1,8}\/?$/;

/** Serves the built page in `pageDir`. Each of its views is an address that answers with the same index.html. */
export async function servePage(app: WebApp, pageDir: string): Promise<void> {
  const index = await readFile(join(pageDir, 'index.html'), 'utf8').catch(() => undefined);
  if (index !== undefined) {
    await app.register(fastifyStatic, {
      root: join(pageDir, 'assets'),
      prefix: '/assets/',
      immutable: true,
      maxAge: ASSET_MAX_AGE_MS,
      index: false,
      dotfiles: 'deny',
    });
  }
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const isView = request.method === 'GET' && !/^\/(api|assets|\.well-known|tunnel)(\/|$)/.test(path);
    if (!isView || /\.\w+$/.test(path)) throw nothingHere();
    if (index === undefined) {
      throw new DrawbridgeError('page.not_built', 'The page is not part of this build of Drawbridge.', {
        hint: 'Run "npm run build" and start the bastion again.',
      });
    }
    return reply
      .header('cache-control', 'no-cache')
      .header('vary', PREFIX_HEADER)
      .type('text/html; charset=utf-8')
      .send(indexUnder(prefixOf(request), index));
  });
}

/** The built page stands beside the built roles, in `dist/page`. */
export function pageDirectory(): string {
  const beside = fileURLToPath(new URL('../../page/', import.meta.url));
  return existsSync(join(beside, 'assets'))
    ? beside
    : fileURLToPath(new URL('../../dist/page/', import.meta.url));
}

/** Anybody can send the header, and changes with it what they themselves get. */
function prefixOf(request: FastifyRequest): string {
  const header = request.headers[PREFIX_HEADER];
  return typeof header === 'string' && PREFIX_PATTERN.test(header) ? header.replace(/\/$/, '') : '';
}

function indexUnder(prefix: string, index: string): string {
  return index
    .replace('name="base-path" content=""', `name="base-path" content="${prefix}"`)
    .replaceAll('"./assets/', `"${prefix}/assets/`);
}
