import { userInfo } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import type { AuditEventInput } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { startBuiltinHost } from '../support/builtin-host.ts';
import { startTestBastion } from '../support/running-bastion.ts';
import { runSsh } from '../support/ssh-client.ts';
import { waitFor } from '../support/wait-for.ts';

const LOGIN = userInfo().username;
/** No session has more events than this, unless the walk does not end. */
const APPENDS_LIMIT = 25;

test('whichever append of a session fails, the command is refused or the session ends, and nobody goes on', async () => {
  let appendsLeft = Number.POSITIVE_INFINITY;
  let failed: AuditEventInput | undefined;
  const bastion = await startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey);
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
    },
    deps: {
      wrapAudit: (log) => ({
        append: (event) => {
          appendsLeft -= 1;
          if (appendsLeft !== 0) return log.append(event);
          failed = event;
          return Promise.reject(
            new DrawbridgeError('audit.unavailable', 'The audit log can not take events: a test.'),
          );
        },
      }),
    },
  });
  await bastion.accessOn();
  const args = [...(await bastion.sshArgs('web-1', LOGIN)), 'echo it-ran'];
  const idle = () =>
    waitFor(async () => ((await bastion.call('status')) as { liveSessions: number }).liveSessions === 0, {
      what: 'the session to be gone',
    });
  expect(await runSsh(args)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('it-ran') as string,
  });
  await idle();

  const failures: string[] = [];
  for (let number = 1; number <= APPENDS_LIMIT; number += 1) {
    failed = undefined;
    appendsLeft = number;
    const run = await runSsh(args);
    await idle();
    appendsLeft = Number.POSITIVE_INFINITY;
    const type = (failed as AuditEventInput | undefined)?.type;
    if (type === undefined) break;
    failures.push(type);
    // What has run has its start in the log; without it nothing has run.
    const mayHaveRun = /\.(ended|closed)$/.test(type);
    if (!mayHaveRun) expect(run, type).toMatchObject({ stdout: '' });
    if (!mayHaveRun) expect(run.code, type).not.toBe(0);
    // The next stored event shows that the log takes events again.
    await bastion.call('token.create', { name: `again-${number}` });
  }
  expect(failures).toEqual(expect.arrayContaining(['operator.admitted', 'exec.started', 'session.ended']));
  expect(failures.length).toBeLessThan(APPENDS_LIMIT);
  expect(await runSsh(args)).toMatchObject({ code: 0 });
});
