import { expect, it } from 'vitest';
import { loadSsh2 } from '../../../shared/ssh/ssh2-library.ts';
import { createTestKey, ISOLATED, runSsh } from '../../support/ssh-client.ts';
import { startTestServer } from '../../support/ssh-test-server.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';

it('is loaded once', () => {
  expect(loadSsh2().Server).toBe(loadSsh2().Server);
});

it('takes packets as long as OpenSSH sends them, and hangs up on longer ones', async () => {
  const directory = createTemporaryDirectory();
  const key = await createTestKey(directory.path);
  const server = await startTestServer(key, {
    onSession: (open) => {
      const channel = open.accept();
      channel.attach({
        onRequest: (request) => {
          if (request.kind !== 'exec') return false;
          channel.whenDecided(() => {
            channel.write(Buffer.from(String(request.command.length)));
            channel.exit({ kind: 'exit-status', code: 0 });
            channel.close();
          });
          return true;
        },
      });
    },
  });
  try {
    const where = [...ISOLATED, '-p', String(server.port), '-i', key.path, 'operator@127.0.0.1'];
    const command = 'x'.repeat(120_000);
    expect(await runSsh([...where, command])).toMatchObject({ code: 0, stdout: '120000' });
    // One word of a command line can't be longer than 128 KiB here, but more words can.
    expect((await runSsh([...where, command, command, command])).code).toBe(255);
  } finally {
    await server.listener.close('The test is over.');
    directory.remove();
  }
});
