import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { clientSettings } from '../../../../shared/identity/provider/client-settings.ts';

const client = z.strictObject(clientSettings);

const least = { name: 'corp', issuer: 'https://login.example.com', clientId: 'drawbridge' };

describe('the settings of a client at an identity provider', () => {
  it('ask for name and address and take no unsigned token when nothing more is said', () => {
    const settings = client.parse(least);
    expect(settings.scopes).toEqual(['openid', 'profile', 'email']);
    expect(settings.algorithms).toEqual(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']);
  });

  it.each([
    ['a name that could be read as a path', { name: 'corp/alice' }],
    ['a name with capitals', { name: 'Corp' }],
    ['no title at all where one is written', { title: '' }],
    ['an issuer that anybody on the way can be', { issuer: 'http://login.example.com' }],
    ['a client without id', { clientId: '' }],
    ['scopes that do not ask who it is', { scopes: ['profile'] }],
    ['a scope that is two', { scopes: ['openid', 'a b'] }],
    ['no algorithm', { algorithms: [] }],
    ['tokens without signature', { algorithms: ['none'] }],
    ['tokens signed with the secret that the client shares', { algorithms: ['HS256'] }],
  ])('refuse %s', (_what, change) => {
    expect(client.safeParse({ ...least, ...change }).success).toBe(false);
  });
});
