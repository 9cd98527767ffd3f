import { describe, expect, it } from 'vitest';
import { placeOf } from '../../../shared/config/role-place.ts';

describe('where a role is to be', () => {
  it('is every address and localhost unless told, without the port that everybody knows', () => {
    expect(placeOf({ httpsPort: 443 })).toMatchObject({
      ...{ listenHost: '0.0.0.0', publicHost: 'localhost', publicUrl: 'https://localhost' },
      certificateHosts: ['localhost', '127.0.0.1', '::1'],
    });
    expect(placeOf({ host: '192.0.2.7', httpsPort: 8443 }).publicUrl).toBe('https://192.0.2.7:8443');
    expect(placeOf({ publicHost: '2001:db8::1', httpsPort: 443 }).publicUrl).toBe('https://[2001:db8::1]');
  });

  it.each(['https://a.example', 'a.example:443', 'a b', ''])('is not at "%s"', (publicHost) => {
    expect(() => placeOf({ publicHost, httpsPort: 443 })).toThrow(
      expect.objectContaining({ code: 'init.invalid_host' }),
    );
  });

  it.each([
    { publicHost: '192.0.2.7', acme: { email: 'ops@example.com' } },
    { publicHost: 'proxy', acme: { email: 'ops@example.com' } },
    { publicHost: 'proxy.example.com', acme: { email: 'nobody' } },
  ])('gets no certificate by ACME with %o', (told) => {
    expect(() => placeOf({ ...told, httpsPort: 443 })).toThrow(
      expect.objectContaining({ code: 'init.invalid_acme' }),
    );
  });
});
