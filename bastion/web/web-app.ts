import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import type { AdminAccounts } from '../admins/admin-accounts.ts';
import type { RecordingParts } from '../search/open-library.ts';
import type { BastionService } from '../service.ts';
import type { AccessGuard } from './access-guard.ts';
import type { EventStreams } from './event-streams.ts';

/** The HTTPS server with zod as the language of its schemas. */
export type WebApp = FastifyInstance<
  Server,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What the routes are made of. */
export interface RouteContext {
  readonly service: BastionService;
  readonly admins: AdminAccounts;
  readonly guard: AccessGuard;
  readonly streams: EventStreams;
  /** Index and keeping of recordings; without it there is no search of screens and no deletion. */
  readonly recordings?: RecordingParts;
  readonly clock: Clock;
  readonly log: Logger;
}
