import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadProxyConfig } from '../../proxy/config.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const GOOD = `role: proxy
name: central
dataDir: data
https: {port: 443}
publicUrl: https://proxy.example.com
ssh: {port: 2222}
tls: {certificate: cert.pem, key: key.pem}
`;

function load(text: string) {
  const path = join(temporaryDirectory(), 'proxy.yaml');
  writeFileSync(path, text);
  return loadProxyConfig(path);
}

describe('proxy.yaml', () => {
  it('needs little, and has careful defaults for the rest', async () => {
    expect(await load(GOOD)).toMatchObject({ logins: { lifetime: 28_800_000 }, drain: 5_000 });
  });

  it('is refused with every fault and its place', async () => {
    const bad = GOOD.replace('https: {port: 443}', 'https: {port: 99999}').replace(
      'https://proxy',
      'http://proxy',
    );
    await expect(load(`${bad}logins: {lifetime: 9h}\nlogin: 1\n`)).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringMatching(/https\.port[\s\S]*publicUrl[\s\S]*logins\.lifetime[\s\S]*1m to 8h/),
    });
  });
});
