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
