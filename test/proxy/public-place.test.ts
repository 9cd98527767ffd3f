import { describe, expect, it } from 'vitest';
import { proxyConfigSchema } from '../../proxy/config.ts';
import { jumpLine, publicPlace } from '../../proxy/public-place.ts';
import { resolvePaths } from '../../shared/config/config-path.ts';

function placeOf(fields: { publicUrl: string; ssh: object }) {
  const config = proxyConfigSchema.parse({
    role: 'proxy',
    name: 'central',
    dataDir: 'data',
    https: { port: 0 },
    tls: { certificate: 'c', key: 'k' },
    ...fields,
  });
  return publicPlace(resolvePaths(config, '/etc/drawbridge'), { https: 8443, ssh: 2222 }, 'ssh-ed25519 AAAA');
}

describe('where others reach the proxy', () => {
  it('is what the configuration says, which may be another port than the one it listens on', () => {
    const place = placeOf({
      publicUrl: 'https://proxy.example.com',
      ssh: { port: 2222, publicHost: 'ssh.example.com', publicPort: 22 },
    });
    expect(place).toMatchObject({
      url: 'https://proxy.example.com',
      sshHost: 'ssh.example.com',
      sshPort: 22,
    });
    expect(jumpLine(place)).toBe('ssh -J ssh.example.com LOGIN@HOST.BASTION');
  });

  it('is the port that was free, when the configuration leaves it open', () => {
    const place = placeOf({ publicUrl: 'https://127.0.0.1:0', ssh: { port: 0 } });
    expect(place).toMatchObject({ url: 'https://127.0.0.1:8443', sshHost: '127.0.0.1', sshPort: 2222 });
    expect(jumpLine(place)).toBe('ssh -J 127.0.0.1:2222 LOGIN@HOST.BASTION');
  });

  it('has an IPv6 address in brackets only where that is how it is written', () => {
    const place = placeOf({ publicUrl: 'https://[::1]:8443', ssh: { port: 0 } });
    expect(place.sshHost).toBe('::1');
    expect(jumpLine(place)).toBe('ssh -J [::1]:2222 LOGIN@HOST.BASTION');
  });
});
