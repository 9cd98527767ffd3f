import type { PolicyAdministration } from '../../policy/policy-administration.ts';
import {
  doneSchema,
  policyAnswerSchema,
  policyApplySchema,
  policyCheckSchema,
  policyDifferenceQuerySchema,
  policyDifferenceSchema,
  policyExplainSchema,
  policyHistoryQuerySchema,
  policyHistorySchema,
  policyTextSchema,
  policyUndoSchema,
  policyVersionParamsSchema,
  problemSchema,
} from '../api.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

const tags = ['policy'];

/** The policy: read, asked, changed and taken back. */
export function policyRoutes(app: WebApp, context: RouteContext, policies: PolicyAdministration): void {
  reading(app, context, policies);
  changing(app, context, policies);
}

function reading(app: WebApp, { guard }: RouteContext, policies: PolicyAdministration): void {
  const onRequest = guard.require('viewer');

  app.get(
    '/api/policy',
    {
      onRequest,
      schema: {
        summary: 'The policy in force',
        tags,
        response: { 200: policyTextSchema, '4xx': problemSchema },
      },
    },
    async () => policies.summary,
  );

  app.get(
    '/api/policy/versions',
    {
      onRequest,
      schema: {
        summary: 'Every version that was in force, newest first',
        tags,
        querystring: policyHistoryQuerySchema,
        response: { 200: policyHistorySchema, '4xx': problemSchema },
      },
    },
    async ({ query: { before, limit } }) => ({
      versions: await policies.history({ limit, ...(before === undefined ? {} : { before }) }),
    }),
  );

  app.get(
    '/api/policy/versions/:version',
    {
      onRequest,
      schema: {
        summary: 'One version with its text',
        tags,
        params: policyVersionParamsSchema,
        response: { 200: policyTextSchema, '4xx': problemSchema },
      },
    },
    (request) => policies.version(request.params.version),
  );

  app.get(
    '/api/policy/difference',
    {
      onRequest,
      schema: {
        summary: 'What changed from one version to another, line by line',
        tags,
        querystring: policyDifferenceQuerySchema,
        response: { 200: policyDifferenceSchema, '4xx': problemSchema },
      },
    },
    async ({ query }) => ({ lines: await policies.difference(query.from, query.to) }),
  );

  app.post(
    '/api/policy/check',
    {
      onRequest,
      schema: {
        summary: 'Say every fault of a policy, with line and column; nothing is changed',
        tags,
        body: policyCheckSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      policies.check(request.body.text);
      return { ok: true as const };
    },
  );

  app.post(
    '/api/policy/explain',
    {
      onRequest,
      schema: {
        summary: 'May this operator do this? With the reason of every role',
        tags,
        body: policyExplainSchema,
        response: { 200: policyAnswerSchema, '4xx': problemSchema },
      },
    },
    async ({ body: { text, source, at, ...question } }) => {
      const { limits, ...answer } = policies.explain(
        {
          ...question,
          ...(source === undefined ? {} : { source }),
          ...(at === undefined ? {} : { at }),
        },
        text,
      );
      return { ...answer, ...(limits === undefined ? {} : { limits: { ...limits } }) };
    },
  );
}

function changing(app: WebApp, { guard }: RouteContext, policies: PolicyAdministration): void {
  const onRequest = guard.require('admin');

  app.put(
    '/api/policy',
    {
      onRequest,
      schema: {
        summary: 'Put a policy in force; live sessions that it no longer allows end at once',
        tags,
        body: policyApplySchema,
        response: { 200: policyTextSchema, '4xx': problemSchema },
      },
    },
    (request) => {
      const { text, message, expectedVersion } = request.body;
      return policies.apply(guard.callerOf(request).actor, text, {
        ...(message === undefined ? {} : { message }),
        ...(expectedVersion === undefined ? {} : { expectedVersion }),
      });
    },
  );

  app.post(
    '/api/policy/undo',
    {
      onRequest,
      schema: {
        summary: 'Put an earlier version in force again, as a new one',
        tags,
        body: policyUndoSchema,
        response: { 200: policyTextSchema, '4xx': problemSchema },
      },
    },
    (request) => {
      const { to, message } = request.body ?? {};
      return policies.undo(guard.callerOf(request).actor, {
        ...(to === undefined ? {} : { to }),
        ...(message === undefined ? {} : { message }),
      });
    },
  );
}
