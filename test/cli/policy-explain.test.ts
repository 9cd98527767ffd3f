import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { captureCommand } from '../support/captured-command.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const POLICY = `version: 1
roles:
  - { name: ops, groups: [ops], hosts: { names: ['web-*'] }, logins: [deploy], allow: [shell] }
`;

test('a file is asked without a bastion: who is let in by which role, and why not', async () => {
  const file = join(temporaryDirectory(), 'policy.yaml');
  writeFileSync(file, POLICY);
  const ask = (...words: string[]) =>
    captureCommand([
      'policy',
      'check',
      file,
      '--as',
      'alice',
      '--host',
      'web-1',
      '--login',
      'deploy',
      ...words,
    ]);
  const allowed = await ask('--groups', 'ops', '--action', 'shell');
  expect(allowed).toMatchObject({ status: 0, err: '' });
  expect(allowed.out).toContain('Allowed by the role ops');
  const denied = await ask('--groups', 'sales');
  expect(denied.status).toBe(1);
  expect(denied.out).toContain('ops: no: it is for the groups ops, and alice is in sales.');
  expect(denied.err).toContain('drawbridge: error: Denied');
});
