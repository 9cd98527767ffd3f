import helmet from '@fastify/helmet';
import type { WebApp } from './web-app.ts';

/**
 * What a browser may do with an answer of the bastion: nothing from elsewhere, nothing inline, no frame around it.
 * `wasm-unsafe-eval` is for the player, whose terminal is WebAssembly.
 *
 * Strict-Transport-Security is left out on purpose: it would count for every port of the host name, and there is no
 * plain HTTP listener here to keep browsers from.
 */
export async function securityHeaders(app: WebApp): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'none'"],
        'script-src': ["'self'", "'wasm-unsafe-eval'"],
        'style-src': ["'self'"],
        'img-src': ["'self'"],
        'connect-src': ["'self'"],
        'base-uri': ["'none'"],
        'form-action': ["'none'"],
        'frame-ancestors': ["'none'"],
      },
    },
    strictTransportSecurity: false,
    referrerPolicy: { policy: 'no-referrer' },
    frameguard: { action: 'deny' },
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    crossOriginEmbedderPolicy: false,
  });
  app.addHook('onSend', async (request, reply) => {
    reply.header(
      'permissions-policy',
      'camera=(), geolocation=(), microphone=(), payment=(), usb=(), clipboard-write=(self)',
    );
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store');
  });
}
