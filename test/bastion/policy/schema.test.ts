import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from '../../../bastion/policy/schema.ts';
import { policyYaml } from '../../../bastion/setup/templates.ts';

function faultsOf(text: string): string {
  try {
    parsePolicy(text, 'policy.yaml');
  } catch (error) {
    expect(error).toMatchObject({ code: 'policy.invalid' });
    return error instanceof Error ? error.message : '';
  }
  throw new Error('the policy was taken');
}

describe('a policy file', () => {
  test('as a new bastion gets it is valid, and asks for a second factor', () => {
    expect(parsePolicy(policyYaml(), 'policy.yaml').roles).toMatchObject([{ require: { mfa: true } }]);
  });

  test('as the documentation shows it, with every field, is valid', () => {
    const text = readFileSync(new URL('../../../docs/policy.md', import.meta.url), 'utf8');
    const example = /```yaml\n(version: 1\n.*?)```/s.exec(text)?.[1] ?? '';
    expect(parsePolicy(example, 'policy.md').roles).toMatchObject([
      {
        windows: [{ from: '08:00' }, { zone: 'UTC' }],
        valid: { until: '2026-12-31' },
        limits: { session: 8 * 3_600_000, file_size: 2 ** 30, transfers: 'down' },
      },
    ]);
  });

  test.each([
    ['a zone that does not exist', "windows: [{ zone: Europe/Nowhere, to: '08:00' }]", 'time zone'],
    ['a time that does not exist', "windows: [{ from: '08:61' }]", 'must be a time'],
    ['a window that begins at 24:00', "windows: [{ from: '24:00' }]", 'must be a time'],
    ['a window without length', "windows: [{ from: '08:00', to: '08:00' }]", 'must end at another time'],
    ['no window', 'windows: []', 'at least 1'],
    ['a day that does not exist', 'valid: { until: 2026-02-30 }', 'a day that exists'],
    ['a period that ends before it begins', 'valid: { from: 2026-02-02, until: 2026-02-01 }', 'must not end'],
    ['a period without an end or a beginning', 'valid: { zone: UTC }', 'from, until, or both'],
    ['a range that is none', "require: { source: ['203.0.113.0/33'] }", 'range of addresses'],
    ['no session at all', 'limits: { sessions: 0 }', 'at least 1'],
    ['a limit that is misspelt', 'limits: { sesions: 3 }', "did you mean 'sessions'"],
    ['a direction that is none', 'limits: { transfers: sideways }', 'up, down, both, none'],
  ])('%s is refused', (_what, field, sentence) => {
    const text = `version: 1\nroles:\n  - name: a\n    groups: [g]\n    hosts: { names: ['*'] }\n    logins: [x]\n    allow: []\n    ${field}\n`;
    expect(faultsOf(text)).toMatch(new RegExp(`policy\\.yaml:8:\\d+: .*${sentence}`));
  });

  test('a second factor is asked for unless the role says otherwise', () => {
    const text =
      "version: 1\nroles: [{ name: a, groups: [g], hosts: { names: ['*'] }, logins: [x], allow: [] }]\n";
    expect(parsePolicy(text, 'policy.yaml').roles[0]?.require.mfa).toBe(true);
  });

  test('hosts by no label at all are not taken for every host', () => {
    const text =
      'version: 1\nroles: [{ name: a, groups: [g], hosts: { labels: {} }, logins: [x], allow: [] }]\n';
    expect(faultsOf(text)).toContain('must name a label');
  });

  test('every fault is reported with line and column', () => {
    const text = [
      'version: 1',
      'roles:',
      '  - name: a',
      '    groups: [g]',
      '    hosts: {}',
      '    logins: ["{{email}}"]',
      '    allow: [shell, everything]',
      '    forward: ["localhost"]',
      '    requires: { mfa: false }',
      '',
    ].join('\n');
    const faults = faultsOf(text);
    for (const line of [5, 6, 7, 8, 9]) expect(faults).toMatch(new RegExp(`policy\\.yaml:${line}:\\d+`));
  });

  test.each([
    [
      'two roles of one name',
      "version: 1\nroles: [{ name: a, groups: [g], hosts: { names: ['*'] }, logins: [x], allow: [] }, { name: a, groups: [g], hosts: { names: ['*'] }, logins: [x], allow: [] }]",
    ],
    ['another version', 'version: 2\nroles: []'],
    ['nothing', ''],
    ['a list', '- a'],
    ['an alias bomb', `a: &a [x,x]\n${'b: &b [*a,*a,*a]\n'.repeat(3)}`],
    [
      'a pattern with a newline',
      'version: 1\nroles: [{ name: a, groups: [g], hosts: { names: ["web\\n"] }, logins: [x], allow: [] }]',
    ],
    ['more than 256 KiB', `version: 1\nroles: [] # ${'x'.repeat(300_000)}`],
  ])('%s is refused', (_what, text) => {
    expect(faultsOf(text)).not.toBe('');
  });
});
