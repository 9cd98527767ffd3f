/**
 * The bastion's HTTP API as one set of schemas: the server validates with them and describes itself by them
 * (`/api/openapi.json`), the page takes its types from them. Nothing but zod may be imported in `api/`, since the page
 * reads these files too.
 */
export * from './api/administrators.ts';
export * from './api/approvals.ts';
export * from './api/audit.ts';
export * from './api/fields.ts';
export * from './api/hosts.ts';
export * from './api/policy.ts';
export * from './api/recordings.ts';
export * from './api/sessions.ts';
export * from './api/settings.ts';
export * from './api/sign-in.ts';
export * from './api/status.ts';
