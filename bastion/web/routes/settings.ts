import { problemSchema, type Settings, settingsSchema } from '../api.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** How the bastion is set up. */
export function settingsRoutes(app: WebApp, { guard }: RouteContext, settings: () => Settings): void {
  app.get(
    '/api/settings',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'How this bastion is set up, and the fingerprints of the keys that count',
        tags: ['settings'],
        response: { 200: settingsSchema, '4xx': problemSchema },
      },
    },
    async () => settings(),
  );
}
