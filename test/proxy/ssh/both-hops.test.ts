import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../shared/log.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import { serveSsh } from '../../../shared/ssh/server-connection.ts';
import type { StreamHandler } from '../../../shared/tunnel/tunnel.ts';
import { openFrontDoor } from '../../support/proxy-front-door.ts';
import { runSsh, type TestKey } from '../../support/ssh-client.ts';

/** A bastion that ends the operator's second hop and lets in only the key that the pass is bound to. */
const endsSsh: StreamHandler = (incoming) => {
  const pass = String(incoming.request['pass']).split('.')[1] ?? '';
  const { cnf } = JSON.parse(Buffer.from(pass, 'base64url').toString()) as { cnf: string };
  serveSsh(incoming.accept(), {
    hostKey: generateSshKey('bastion').privateKey,
    loginGraceMs: 10_000,
    maxAuthTries: 3,
    log: silentLogger(),
    onAuth: (attempt) => {
      if (attempt.key?.fingerprint === cnf) attempt.accept();
    },
    onSession: (open) => {
      const channel = open.accept();
      channel.attach({
        onRequest(request) {
          if (request.kind !== 'exec') return false;
          channel.write(Buffer.from(`ran ${request.command.toString()}`));
          channel.exit({ kind: 'exit-status', code: 42 });
          channel.close();
          return true;
        },
      });
    },
  });
};

function sshConfig(
  dir: string,
  port: number,
  hops: { readonly jump: TestKey; readonly target: TestKey },
): string {
  const common = `  IdentitiesOnly yes
  IdentityAgent none
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile /dev/null`;
  const path = join(dir, 'config');
  writeFileSync(
    path,
    `Host jump
  HostName 127.0.0.1
  Port ${port}
  IdentityFile ${hops.jump.path}
${common}
Host *.acme
  ProxyJump jump
  IdentityFile ${hops.target.path}
${common}
`,
  );
  return path;
}

describe('ssh -J with the stock client', () => {
  it('ends at the bastion, which lets in the key that the proxy has vouched for', async () => {
    const door = await openFrontDoor({ bastion: endsSsh });
    const key = await door.loginKey();
    const config = sshConfig(door.dir, door.listener.port, { jump: key, target: key });
    const result = await runSsh(['-F', config, 'root@web-1.acme', 'uptime']);
    expect(result).toMatchObject({ code: 42, stdout: 'ran uptime' });
  });

  it('gets nobody to a host under the pass of another key', async () => {
    const door = await openFrontDoor({ bastion: endsSsh });
    const [mine, other] = [await door.loginKey('mine'), await door.loginKey('other')];
    const config = sshConfig(door.dir, door.listener.port, { jump: mine, target: other });
    const result = await runSsh(['-F', config, 'root@web-1.acme', 'uptime']);
    expect(result).toMatchObject({ code: 255, stdout: '' });
    expect(result.stderr).toContain('Permission denied');
  });
});
