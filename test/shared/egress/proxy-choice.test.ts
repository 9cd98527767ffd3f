import { describe, expect, test } from 'vitest';
import { chooseProxy, type ProxySettings } from '../../../shared/egress/proxy-choice.ts';

const VENDOR = new URL('https://proxy.vendor.example/tunnel');

function choose(settings: Partial<ProxySettings>, url = VENDOR): string | undefined {
  return chooseProxy(url, { env: {}, ...settings })?.href;
}

describe('the choice of a proxy', () => {
  test('is direct when nothing says otherwise', () => {
    expect(choose({})).toBeUndefined();
  });

  test('is the configured proxy, whatever the environment says', () => {
    expect(choose({ proxy: 'http://cfg:1', env: { https_proxy: 'http://env:2' } })).toBe('http://cfg:1/');
  });

  test('falls back to the environment, in lower and upper case', () => {
    expect(choose({ env: { https_proxy: 'http://low:1' } })).toBe('http://low:1/');
    expect(choose({ env: { HTTPS_PROXY: 'http://up:1' } })).toBe('http://up:1/');
    expect(choose({ env: { all_proxy: 'http://all:1' } })).toBe('http://all:1/');
    expect(choose({ env: { ALL_PROXY: 'http://all:1' } })).toBe('http://all:1/');
    const plain = new URL('http://proxy.vendor.example/');
    expect(choose({ env: { http_proxy: 'http://plain:1' } }, plain)).toBe('http://plain:1/');
    expect(choose({ env: { HTTP_PROXY: 'http://plain:1' } }, plain)).toBe('http://plain:1/');
  });

  test('keeps to the no-proxy list, of the config before the environment’s', () => {
    const env = { https_proxy: 'http://env:1', no_proxy: 'localhost,.vendor.example' };
    expect(choose({ env })).toBeUndefined();
    expect(choose({ env: { ...env, no_proxy: '', NO_PROXY: '*' } })).toBeUndefined();
    expect(choose({ env, noProxy: 'other.example' })).toBe('http://env:1/');
    expect(choose({ proxy: 'http://cfg:1', noProxy: 'proxy.vendor.example:443', env: {} })).toBeUndefined();
    expect(choose({ proxy: 'http://cfg:1', noProxy: 'proxy.vendor.example:8443', env: {} })).toBe(
      'http://cfg:1/',
    );
  });

  test('takes a proxy without scheme for an HTTP one', () => {
    expect(choose({ env: { https_proxy: 'proxy:3128' } })).toBe('http://proxy:3128/');
    expect(choose({ proxy: 'proxy:3128' })).toBe('http://proxy:3128/');
  });

  test('leaves the environment of the process as it was', () => {
    const before = { ...process.env };
    choose({ proxy: 'http://cfg:1' });
    expect({ ...process.env }).toEqual(before);
    process.env['DRAWBRIDGE_TEST'] = 'x';
    expect(process.env['DRAWBRIDGE_TEST']).toBe('x');
    delete process.env['DRAWBRIDGE_TEST'];
  });

  test('refuses a proxy of another kind, also from the environment', () => {
    expect(() => choose({ env: { https_proxy: 'socks5://h:1' } })).toThrow(/outbound proxy cannot be used/);
  });
});
