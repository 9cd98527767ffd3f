import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runChecks } from '../../../cli/doctor/finding.ts';
import { authorizedKeysCommand } from '../../../cli/doctor/sshd-check.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const look = (settings: string | undefined) =>
  runChecks([authorizedKeysCommand(async () => settings)], new AbortController().signal, () => undefined);

const settings = (command: string, user = 'root', pubkey = 'yes') =>
  `port 22\npubkeyauthentication ${pubkey}\nauthorizedkeyscommand ${command}\nauthorizedkeyscommanduser ${user}\n`;

describe("the check of the host's sshd", () => {
  it('takes a command that sshd itself would run', async () => {
    expect(await look(settings('/usr/bin/env %u'))).toMatchObject([
      { state: 'ok', text: 'sshd asks /usr/bin/env for keys, as root.' },
      { state: 'ok' },
    ]);
  });

  it.each([
    ['is not there', '/nowhere/keys', 'there is no /nowhere/keys'],
    ['may not be executed', '/etc/passwd', '/etc/passwd may not be executed'],
  ])('fails when the command %s', async (_why, command, text) => {
    const [found] = await look(settings(command));
    expect(found).toMatchObject({ state: 'fail', text: expect.stringContaining(text) });
    expect(found?.hint).toContain('must belong to root');
  });

  it('fails when others could change the command', async () => {
    const path = join(temporaryDirectory(), 'keys');
    writeFileSync(path, '#!/bin/sh\n');
    chmodSync(path, 0o777);
    expect((await look(settings(path)))[0]).toMatchObject({ state: 'fail' });
  });

  it('fails without an account for the command, and when sshd takes no public keys', async () => {
    expect((await look(settings('/usr/bin/env', 'none')))[0]).toMatchObject({
      state: 'fail',
      text: expect.stringContaining('AuthorizedKeysCommandUser'),
    });
    expect((await look(settings('/usr/bin/env', 'root', 'no')))[1]).toMatchObject({ state: 'fail' });
  });

  it('warns when sshd asks no command, or its settings can not be read', async () => {
    expect((await look(settings('none')))[0]).toMatchObject({ state: 'warn' });
    expect(await look(undefined)).toMatchObject([
      { state: 'warn', hint: expect.stringContaining('as root') },
    ]);
  });
});
