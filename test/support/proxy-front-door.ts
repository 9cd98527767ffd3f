import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { UserCertificatesConfig } from '../../proxy/certificates/config.ts';
import { UserCertificates } from '../../proxy/certificates/user-certificates.ts';
import { frontDoor } from '../../proxy/ssh/front-door.ts';
import { MemoryDirectory } from '../../proxy/store/directory.ts';
import { Admission } from '../../proxy/tunnels/admission.ts';
import { createNodeIdentity } from '../../shared/identity/node-identity.ts';
import { silentLogger } from '../../shared/log.ts';
import { generateSshKey } from '../../shared/ssh/keys.ts';
import { listenSsh } from '../../shared/ssh/listener.ts';
import type { StreamHandler } from '../../shared/tunnel/tunnel.ts';
import { accountsWith } from './proxy-accounts.ts';
import { ShiftedClock } from './shifted-clock.ts';
import { createTestKey, ISOLATED, runSsh, type SshResult, type TestKey } from './ssh-client.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { connectedTunnels } from './tunnel-pair.ts';

/** A bastion that answers every stream by sending back what comes. */
export const echo: StreamHandler = (incoming) => {
  const stream = incoming.accept();
  stream.on('error', () => undefined);
  stream.pipe(stream);
};

/**
 * The proxy's SSH server with real accounts, a bastion `acme` at the other end of a real tunnel, and a bastion
 * `offline` that is not connected. Ends with the test.
 */
export async function openFrontDoor(
  options: { bastion?: StreamHandler; userCertificates?: UserCertificatesConfig } = {},
) {
  const dir = temporaryDirectory();
  const own = new ShiftedClock();
  const certificates =
    options.userCertificates &&
    (await UserCertificates.open(options.userCertificates, { clock: own, log: silentLogger() }));
  const accounts = await accountsWith(own, certificates === undefined ? {} : { certificates });
  const { store, clock, audit, refusals, operators, signIn, relays } = accounts;
  const identity = await createNodeIdentity(join(dir, 'proxy'), 'proxy', 'central');
  const directory = new MemoryDirectory();
  const stopping = new AbortController();
  const { enrolments } = store;
  const admission = new Admission({
    identity,
    operators,
    enrolments,
    directory,
    refusals,
    audit,
    clock,
    stopping: stopping.signal,
  });
  const bastions: Record<string, string> = {};
  for (const name of ['acme', 'offline']) {
    const bastion = await createNodeIdentity(join(dir, name), 'bastion', name);
    const { publicJwk, id } = bastion;
    bastions[name] = id;
    await enrolments.addJoinToken({ kid: name, publicJwk, name, expiresAtMs: clock.nowMs() });
    const enrolled = { id, name, publicJwk, sshHostKey: generateSshKey(name).publicLine };
    await enrolments.enrol(name, { ...enrolled, fields: {}, enrolledAtMs: clock.nowMs() });
  }
  const tunnel = await connectedTunnels({ onDiallerStream: options.bastion ?? echo });
  onTestFinished(() => tunnel.close());
  await directory.add(bastions['acme'] ?? '', tunnel.acceptor);

  const listener = await listenSsh({
    host: '127.0.0.1',
    port: 0,
    serve: (from) =>
      frontDoor(
        {
          hostKey: generateSshKey('proxy').privateKey,
          jumpLine: () => 'ssh -J proxy.example.com LOGIN@HOST.BASTION',
          operators,
          signIn,
          refusals,
          admission,
          relays,
          audit,
          clock,
          log: silentLogger(),
        },
        from,
      ),
  });
  onTestFinished(() => listener.close('The test has finished.'));

  /** The stock client with a key and, if it is asked for one, a code. */
  const ssh = (
    key: TestKey,
    args: readonly string[],
    more: { code?: string; input?: string | Buffer; options?: readonly string[] } = {},
  ): Promise<SshResult> => {
    const askpass = join(dir, 'askpass');
    writeFileSync(askpass, `#!/bin/sh\necho "$1" >> ${join(dir, 'asked')}\necho "$CODE"\n`, { mode: 0o700 });
    return runSsh(
      [
        // Before the others, since the first one counts: quieter clients hide banners and refusals.
        ...['-o', 'LogLevel=INFO'],
        ...ISOLATED,
        ...(more.options ?? []),
        ...['-i', key.path, '-p', String(listener.port), '-l', 'someone', '-o', 'NumberOfPasswordPrompts=1'],
        ...args,
      ],
      {
        env: { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', CODE: more.code ?? '' },
        ...(more.input === undefined ? {} : { input: more.input }),
      },
    );
  };

  return {
    ...accounts,
    dir,
    identity,
    bastionId: bastions['acme'] ?? '',
    directory,
    relays,
    listener,
    stopping,
    ssh,
    /** `ssh -W`: standard input and output over the first hop alone. */
    through: (
      key: TestKey,
      destination: string,
      more: { code?: string; input?: string | Buffer; options?: readonly string[] } = {},
    ): Promise<SshResult> => ssh(key, ['-W', `${destination}:22`, '127.0.0.1'], more),
    /** A key that a login has just let in. */
    async loginKey(name = 'login'): Promise<TestKey> {
      const key = await createTestKey(dir, name);
      clock.advance(30_000);
      await accounts.logins.login(accounts.request({ publicKey: key.publicLine }));
      return key;
    },
    /** A key that is registered for alice. */
    async registeredKey(name = 'registered'): Promise<TestKey> {
      const key = await createTestKey(dir, name);
      await store.accounts.addKey({
        fingerprint: key.fingerprint,
        username: 'alice',
        publicLine: key.publicLine,
        addedAtMs: clock.nowMs(),
      });
      return key;
    },
    freshCode(): string {
      clock.advance(30_000);
      return accounts.code();
    },
  };
}
