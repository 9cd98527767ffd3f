import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { UserCertificatesConfig } from '../../../proxy/certificates/config.ts';
import { silentLogger } from '../../../shared/log.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import { serveSsh } from '../../../shared/ssh/server-connection.ts';
import type { StreamHandler } from '../../../shared/tunnel/tunnel.ts';
import { openFrontDoor } from '../../support/proxy-front-door.ts';
import { runSsh, type SshResult } from '../../support/ssh-client.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { certificateFiles, certify, type MadeKey, makeKey } from '../../support/user-certificates.ts';
import { waitFor } from '../../support/wait-for.ts';

const RSA = ['-t', 'rsa', '-b', '2048'];

async function vendorDoor(
  options: {
    oneTimeCode?: UserCertificatesConfig['oneTimeCode'];
    configured?: boolean;
    bastion?: StreamHandler;
    keyType?: readonly string[];
  } = {},
) {
  const dir = temporaryDirectory();
  const [ca, key] = [makeKey(dir, 'ca'), makeKey(dir, 'key', options.keyType)];
  const files = certificateFiles(dir, [ca]);
  const oneTimeCode = options.oneTimeCode ?? 'not_required';
  const door = await openFrontDoor({
    ...(options.bastion === undefined ? {} : { bastion: options.bastion }),
    ...(options.configured === false ? {} : { userCertificates: { ...files, oneTimeCode } }),
  });
  /** `ssh -W` to a host with the key and its certificate. */
  const through = (
    certificate: string,
    more: { code?: string; user?: string; options?: readonly string[] } = {},
  ): Promise<SshResult> => {
    const options = [
      '-o',
      `CertificateFile=${certificate}`,
      '-l',
      more.user ?? 'alice',
      ...(more.options ?? []),
    ];
    const shown = { ...key, privateKey: '', blob: Buffer.alloc(0) };
    return door.through(shown, 'web-1.acme', { input: 'over', ...more, options });
  };
  return { ...door, dir, door, ca, key, files, through };
}

function passOf(request: { readonly [field: string]: unknown }): Record<string, unknown> {
  const payload = String(request['pass']).split('.')[1] ?? '';
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
}

describe('a stock client with a certificate of our CA', () => {
  it('is asked for a code, and the audit log names serial, key id and CA', async () => {
    const { ca, key, audit, door, through } = await vendorDoor({ oneTimeCode: 'required' });
    const certificate = certify(ca, key, ['-n', 'alice', '-z', '41', '-V', '-1m:+10h']);
    const withoutCode = await through(certificate, { options: ['-o', 'PreferredAuthentications=publickey'] });
    expect(withoutCode.code).toBe(255);
    const wrong = await through(certificate, { code: '000000' });
    expect(wrong.stderr).toContain('This code is wrong.');
    const { code, stdout } = await through(certificate, { code: door.freshCode() });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'over' });
    expect(audit.ofType('operator.signed_in')).toMatchObject([
      {
        ...{ operator: 'alice', by: 'certificate', amr: ['swk', 'otp', 'mfa'], fingerprint: key.fingerprint },
        ...{ certificateSerial: '41', certificateId: 'alice@vendor', caFingerprint: ca.fingerprint },
      },
    ]);
  });

  it.each([
    ['ed25519', ['-t', 'ed25519']],
    ['ecdsa', ['-t', 'ecdsa', '-b', '384']],
    ['rsa', RSA],
  ])(
    'gets in by it alone when the administrator says so, and the pass claims no more (%s)',
    async (_, type) => {
      const passes: Record<string, unknown>[] = [];
      const { ca, key, through } = await vendorDoor({
        keyType: type,
        bastion: (incoming) => {
          passes.push(passOf(incoming.request));
          const stream = incoming.accept();
          stream.on('error', () => undefined);
          stream.pipe(stream);
        },
      });
      const certificate = certify(ca, key, ['-n', 'alice', '-V', '-1m:+1h']);
      expect(await through(certificate)).toMatchObject({ code: 0, stdout: 'over' });
      expect(passes).toMatchObject([
        { sub: 'alice', groups: ['support'], amr: ['swk'], cnf: key.fingerprint },
      ]);
      const endsInS = Number(passes[0]?.['login_exp']) - Date.now() / 1000;
      // Not longer than the certificate, though a login might last for eight hours.
      expect(endsInS).toBeLessThanOrEqual(3600);
    },
  );

  it('is refused without a word why, and each refusal has its own reason in the audit log', async () => {
    const { ca, key, dir, audit, files, store, clock, through, addUser } = await vendorDoor();
    await addUser('bob');
    const foreign = makeKey(dir, 'foreign');
    const make = (by: MadeKey, name: string, options: readonly string[]): string =>
      certify(by, key, ['-V', '-1h:+1h', ...options], name);
    const good = make(ca, 'good', ['-n', 'alice,nobody,bob', '-z', '9']);
    const tried: SshResult[] = [];
    const refused = async (reason: string, certificate: string, user = 'alice'): Promise<void> => {
      const result = await through(certificate, { user, options: ['-o', 'BatchMode=yes'] });
      expect(result.code, reason).toBe(255);
      tried.push(result);
      await waitFor(() => audit.ofType('operator.refused').some((event) => event['reason'] === reason));
    };
    await refused('certificate_unknown_ca', make(foreign, 'foreign', ['-n', 'alice']));
    await refused('certificate_other_principal', make(ca, 'bob', ['-n', 'bob']));
    await refused('certificate_unknown_user', good, 'nobody');
    await refused('certificate_forced_command', make(ca, 'force', ['-n', 'alice', '-O', 'force-command=id']));
    await store.accounts.disableAccount('bob', clock.nowMs());
    await refused('certificate_disabled', good, 'bob');
    expect((await through(good)).code).toBe(0);
    writeFileSync(files.revoked, 'serial:9\n');
    await refused('certificate_revoked_serial', good);
    rmSync(files.revoked);
    await refused('certificate_files_unreadable', good);
    const said = tried.map(({ stderr }) =>
      stderr.replace(/^Warning: Perm.*\r?\n/m, '').replace(/^\w+@/gm, ''),
    );
    expect(new Set(said).size).toBe(1);
  });

  it('opens nothing more on a connection whose certificate was revoked meanwhile', async () => {
    const { ca, key, files, through } = await vendorDoor({
      bastion: (incoming) => {
        writeFileSync(files.revoked, key.fingerprint);
        const stream = incoming.accept();
        stream.on('error', () => undefined);
        stream.pipe(stream);
      },
    });
    const { code, stdout, stderr } = await through(certify(ca, key, ['-n', 'alice']));
    expect({ code, stdout }).toEqual({ code: 255, stdout: '' });
    expect(stderr).toContain('Your login has ended.');
  });
});

describe('a proxy without userCertificates', () => {
  it('refuses certificates, also of a key that is registered; the plain key behind it gets in', async () => {
    const { ca, key, door, audit, through, store, clock } = await vendorDoor({ configured: false });
    await store.accounts.addKey({
      ...{ fingerprint: key.fingerprint, publicLine: key.publicLine },
      ...{ username: 'alice', addedAtMs: clock.nowMs() },
    });
    const certificate = certify(ca, key, ['-n', 'alice']);
    expect((await through(certificate, { code: door.freshCode() })).code).toBe(0);
    expect(audit.ofType('operator.signed_in')).toMatchObject([{ by: 'code' }]);
  });
});

describe('ssh -J with CertificateFile', () => {
  /** A bastion as ours treats keys: the pass binds one, in a certificate or plain. */
  const endsSsh =
    (types: string[]): StreamHandler =>
    (incoming) => {
      const { cnf } = passOf(incoming.request);
      serveSsh(incoming.accept(), {
        hostKey: generateSshKey('bastion').privateKey,
        loginGraceMs: 10_000,
        maxAuthTries: 3,
        certificates: true,
        log: silentLogger(),
        onAuth: ({ key, accept }) => {
          if (key === undefined || key.fingerprint !== cnf) return;
          if (key.signed) types.push(key.certificate === undefined ? 'plain' : 'certificate');
          accept();
        },
        onSession: (open) => {
          const channel = open.accept();
          channel.attach({
            onRequest(request) {
              if (request.kind !== 'exec') return false;
              channel.exit({ kind: 'exit-status', code: 42 });
              channel.close();
              return true;
            },
          });
        },
      });
    };

  it.each([
    ['certificate', true],
    ['plain', false],
  ])('ends at the bastion, which takes the key of the certificate: %s', async (type, second) => {
    const types: string[] = [];
    const { ca, key, dir, listener } = await vendorDoor({ bastion: endsSsh(types) });
    const certificate = certify(ca, key, ['-n', 'alice']);
    const common = `  IdentityFile ${key.path}
  IdentitiesOnly yes
  IdentityAgent none
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile /dev/null`;
    const config = join(dir, 'config');
    writeFileSync(
      config,
      `Host jump\n  HostName 127.0.0.1\n  Port ${listener.port}\n  User alice\n  CertificateFile ${certificate}
${common}\nHost *.acme\n  ProxyJump jump\n${second ? `  CertificateFile ${certificate}\n` : ''}${common}\n`,
    );
    expect(await runSsh(['-F', config, 'root@web-1.acme', 'uptime'])).toMatchObject({ code: 42 });
    expect(types).toEqual([type]);
  });
});
