import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Json } from '../../../shared/audit/event.ts';
import { problemSchema } from '../api.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** Enrolments per minute and address; an agent needs one in its life. */
const ENROLMENTS_PER_MINUTE = 30;

/** What machines ask: agents that join, probes, metrics scrapers. */
export interface MachineRoutes {
  enrol(body: unknown, address: string): Promise<{ status: number; body: Json }>;
  wellKnown(): Promise<Json>;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

export function machineRoutes(app: WebApp, context: RouteContext, machine: MachineRoutes): void {
  const { guard, service } = context;

  app.post(
    '/api/enrol',
    {
      config: { rateLimit: { max: ENROLMENTS_PER_MINUTE, timeWindow: '1 minute' } },
      schema: { summary: 'Enrol an agent with a join token', tags: ['machine'], security: [] },
    },
    async (request, reply) => {
      const { status, body } = await machine.enrol(request.body, request.ip);
      return reply.status(status).send(body);
    },
  );

  app.get(
    '/.well-known/drawbridge',
    { schema: { summary: 'Who this bastion is, signed', tags: ['machine'], security: [] } },
    () => machine.wellKnown(),
  );

  app.get(
    '/healthz',
    { schema: { summary: 'Whether the process answers', tags: ['machine'], security: [] } },
    async () => ({ ok: true }),
  );

  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Whether the bastion can keep evidence, and so admit sessions while access is on',
        tags: ['machine'],
        security: [],
        response: { 200: z.object({ ok: z.literal(true) }), 503: problemSchema },
      },
    },
    async (_request, reply) => {
      const { evidence } = await service.status();
      if (evidence.problem === undefined) return { ok: true as const };
      return reply.status(503).send({ code: 'evidence.unavailable', message: evidence.problem });
    },
  );

  const requireViewer = guard.require('viewer');
  app.get(
    '/metrics',
    {
      onRequest: async (request: FastifyRequest, reply: FastifyReply) => {
        if (!isFromThisMachine(request)) await requireViewer(request, reply);
      },
      schema: {
        summary: "Figures in Prometheus' format; without sign-in from the bastion's own machine only",
        tags: ['machine'],
      },
    },
    async (_request, reply) => {
      const text = await machine.metrics.text();
      return reply.header('content-type', machine.metrics.contentType).send(text);
    },
  );
}

/** A reverse proxy on the same machine brings strangers, and says so. */
function isFromThisMachine(request: FastifyRequest): boolean {
  const forwarded = request.headers['x-forwarded-for'] ?? request.headers.forwarded;
  return forwarded === undefined && /^(::ffff:)?127\.|^::1$/.test(request.ip);
}
