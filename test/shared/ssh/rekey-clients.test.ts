import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { createTestKey, runProgram } from '../../support/ssh-client.ts';
import { floodBlock, startTestServer } from '../../support/ssh-test-server.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const CLIENT = fileURLToPath(new URL('./rekey_client.py', import.meta.url));
const MIB = 1024 * 1024;
const NEVER_BYTES = 1024 * MIB;

/** The end of what a flood of 12 MiB prints at the client. */
function expectedLine(): string {
  const digest = createHash('sha256');
  for (let index = 0; index < (12 * MIB) / floodBlock(0).length; index += 1) digest.update(floodBlock(index));
  return `${digest.digest('hex')} 0\n`;
}

test.each([
  // AsyncSSH sends SSH_MSG_IGNORE behind its KEXINIT.
  { library: 'asyncssh', rekeyBytes: 2 * MIB, clientRekeyBytes: NEVER_BYTES, by: 'us' },
  { library: 'asyncssh', rekeyBytes: NEVER_BYTES, clientRekeyBytes: 2 * MIB, by: 'the client' },
  { library: 'paramiko', rekeyBytes: 2 * MIB, clientRekeyBytes: NEVER_BYTES, by: 'us' },
  // paramiko answers what we ask behind its KEXINIT.
  { library: 'paramiko', rekeyBytes: NEVER_BYTES, clientRekeyBytes: 2 * MIB, by: 'the client' },
])(
  '$library keeps its connection and its data while $by renews keys',
  async (one) => {
    const key = await createTestKey(temporaryDirectory());
    const server = await startTestServer(key, {
      rekeyBytes: one.rekeyBytes,
      // Always one question is under way that the client has to answer.
      async onReady(connection) {
        const target = {
          kind: 'forwarded-tcpip',
          host: 'a',
          port: 1,
          originHost: 'b',
          originPort: 2,
        } as const;
        while (!connection.signal.aborted) {
          await connection.open(target).catch(() => undefined);
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    });
    onTestFinished(() => server.listener.close('The test is over.'));
    const args = [
      '-Wignore',
      CLIENT,
      one.library,
      String(server.port),
      key.path,
      String(one.clientRekeyBytes),
    ];
    const result = await runProgram('/usr/bin/python3', args, { timeoutMs: 60_000 });
    expect(result.stdout, result.stderr).toBe(expectedLine());
  },
  70_000,
);
