import { parseDurationMs } from '../../../shared/config/duration.ts';
import type { AccessChange } from '../../service.ts';
import {
  type AccessChangeRequest,
  accessChangeSchema,
  accessSchema,
  problemSchema,
  statusSchema,
} from '../api.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** The overview and the switch. */
export function accessRoutes(app: WebApp, context: RouteContext): void {
  const { guard, service } = context;

  app.get(
    '/api/status',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Access, live sessions, hosts, tunnels and evidence at a glance',
        tags: ['access'],
        response: { 200: statusSchema, '4xx': problemSchema },
      },
    },
    () => service.status(),
  );

  app.put(
    '/api/access',
    {
      onRequest: guard.require('approver'),
      schema: {
        summary: 'Switch remote access on or off; off ends every live session at once',
        tags: ['access'],
        body: accessChangeSchema,
        response: { 200: accessSchema, '4xx': problemSchema },
      },
    },
    (request) => service.setAccess(guard.callerOf(request).actor, changeOf(request.body)),
  );
}

function changeOf(body: AccessChangeRequest): AccessChange {
  return {
    state: body.state,
    ...(body.for === undefined ? {} : { forMs: parseDurationMs(body.for) }),
    ...(body.until === undefined ? {} : { untilMs: Date.parse(body.until) }),
    ...(body.outsideWindows === undefined ? {} : { outsideWindows: body.outsideWindows }),
    ...(body.reason === undefined ? {} : { reason: body.reason }),
  };
}
