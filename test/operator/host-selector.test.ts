import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHostSelector } from '../../operator/host-selector.ts';

const host = (name: string, labels: Record<string, string> = {}) => ({
  name,
  bastion: 'acme',
  online: true,
  labels,
});
const hosts = [
  host('web-1.acme', { role: 'web', env: 'prod' }),
  host('web-2.acme', { role: 'web', env: 'test' }),
  host('db-1.acme', { role: 'db', env: 'prod' }),
  host('bare.other'),
];
const chosen = (text: string) => hosts.filter(parseHostSelector(text)).map((one) => one.name);

describe('a choice of hosts', () => {
  it('takes hosts by label', () => {
    expect(chosen('role=db')).toEqual(['db-1.acme']);
    expect(chosen('role=db|web')).toEqual(['web-1.acme', 'web-2.acme', 'db-1.acme']);
  });

  it('takes hosts for which every term holds', () => {
    expect(chosen('role=web,env=prod')).toEqual(['web-1.acme']);
    expect(chosen('role=web, *-2.acme')).toEqual(['web-2.acme']);
  });

  it('leaves hosts out by label', () => {
    expect(chosen('env!=test')).toEqual(['web-1.acme', 'db-1.acme', 'bare.other']);
    expect(chosen('role!=web|db')).toEqual(['bare.other']);
  });

  it('reads a label that is not there as empty', () => {
    expect(chosen('role=')).toEqual(['bare.other']);
    expect(chosen('role!=')).toEqual(['web-1.acme', 'web-2.acme', 'db-1.acme']);
    expect(chosen('constructor=*')).toHaveLength(4);
  });

  it('takes hosts by name, with * for any characters', () => {
    expect(chosen('web-1.acme')).toEqual(['web-1.acme']);
    expect(chosen('web-*.acme')).toEqual(['web-1.acme', 'web-2.acme']);
    expect(chosen('*')).toHaveLength(4);
    expect(chosen('*-1.*')).toEqual(['web-1.acme', 'db-1.acme']);
    expect(chosen('web')).toEqual([]);
  });

  it.each(['', ',', 'role=db,', '=db', 'a|b=c', 'x'.repeat(5_000)])('refuses %j', (text) => {
    expect(() => parseHostSelector(text)).toThrow(expect.objectContaining({ code: 'usage.hosts' }));
  });

  it('matches patterns as the regular expression of the same meaning does', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), minLength: 1, maxLength: 8 });
    const names = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 });
    fc.assert(
      fc.property(letters, names, (pattern, name) => {
        const meant = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`).test(name);
        expect(parseHostSelector(pattern)(host(name))).toBe(meant);
      }),
    );
  });
});
