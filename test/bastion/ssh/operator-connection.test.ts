import { createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { AdmittedStream } from '../../../bastion/admission/admission.ts';
import type { Policy } from '../../../bastion/policy/schema.ts';
import { parsePolicy } from '../../../bastion/policy/schema.ts';
import { OperatorConnection } from '../../../bastion/ssh/operator-connection.ts';
import type { SessionServices } from '../../../bastion/ssh/session-context.ts';
import { systemClock } from '../../../shared/clock.ts';
import type { PassClaims } from '../../../shared/identity/claims.ts';
import { silentLogger } from '../../../shared/log.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import type { TunnelStream } from '../../../shared/tunnel/tunnel.ts';
import { createTestKey, ISOLATED, runSsh } from '../../support/ssh-client.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const POLICY = parsePolicy(
  'version: 1\nroles: [{ name: r, groups: [g], hosts: { names: ["*"] }, logins: [root], allow: [exec] }]\n',
  'policy.yaml',
);

/** One client whose sign-in is decided while `onDecide` runs; says how often the host was dialled. */
async function signInWhile(
  onDecide: (gate: AbortController) => void,
): Promise<{ dials: number; stderr: string }> {
  const key = await createTestKey(temporaryDirectory());
  const gate = new AbortController();
  let dials = 0;
  const refusals = { add: async () => undefined };
  const services = {
    ...{ bastionName: 'acme', clock: systemClock, log: silentLogger(), refusals },
    locks: { isLocked: () => false },
    policy: {
      get policy(): Policy {
        onDecide(gate);
        return POLICY;
      },
    },
  } as unknown as SessionServices;
  const server = createServer({ allowHalfOpen: false }, (socket: Socket) => {
    const admitted: AdmittedStream = {
      stream: socket as unknown as TunnelStream,
      claims: {
        sub: 'alice',
        groups: ['g'],
        amr: ['pwd', 'otp'],
        cnf: 'SHA256:another',
      } as unknown as PassClaims,
      host: {
        ...{ id: 'a-1', name: 'web-1', labels: {}, via: 'agent', target: 'builtin', online: true },
        loss: () => ({ code: 'host.lost', message: 'lost' }),
        connect: async () => {
          dials += 1;
          throw new Error('nobody is there');
        },
      },
      gate: gate.signal,
    };
    new OperatorConnection(
      {
        services,
        registry: { refusal: () => undefined } as never,
        hostKeys: {} as never,
        signIns: {} as never,
        hostKey: generateSshKey('host').privateKey,
        labelsOf: () => ({}),
        stillTrusts: () => true,
        closesAt: () => undefined,
      },
      admitted,
      { decided: () => undefined, gone: () => undefined },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { stderr } = await runSsh([
    ...ISOLATED,
    '-i',
    key.path,
    '-p',
    String(port),
    'root@127.0.0.1',
    'true',
  ]);
  return { dials, stderr };
}

test('a sign-in that is being decided as the gate closes dials no host', async () => {
  expect(await signInWhile(() => undefined)).toMatchObject({ dials: 1 });
  const cut = await signInWhile((gate) => gate.abort({ code: 'access.off', message: 'Turned off.' }));
  expect(cut.dials).toBe(0);
});
