import { userInfo } from 'node:os';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ApprovalRequestSummary, GrantSummary } from '../../../bastion/approvals/summaries.ts';
import type { SessionSummary } from '../../../bastion/service.ts';
import { startBuiltinHost } from '../../support/builtin-host.ts';
import { spawnSsh, startTestBastion, type TestBastion } from '../../support/running-bastion.ts';
import { waitFor } from '../../support/wait-for.ts';

const LOGIN = userInfo().username;
const SAY_ALL = ['-o', 'LogLevel=INFO'];

interface Desk {
  readonly requests: readonly ApprovalRequestSummary[];
  readonly grants: readonly GrantSummary[];
}

async function startWith(approval: string, limits = ''): Promise<TestBastion> {
  const bastion = await startTestBastion({
    hosts: async (clientKey) => {
      const host = await startBuiltinHost(clientKey, { sftpServer: ['/usr/lib/openssh/sftp-server'] });
      onTestFinished(() => host.close());
      return [{ name: 'web-1', address: { host: '127.0.0.1', port: host.port }, labels: {} }];
    },
    policy: `version: 1
roles:
  - name: support
    groups: [support]
    hosts: { names: ['*'] }
    logins: [${JSON.stringify(LOGIN)}]
    allow: [shell, exec, sftp]
    forward: ['127.0.0.1:*']
${approval === '' ? '' : `    approval: ${approval}\n`}${limits === '' ? '' : `    limits: ${limits}\n`}`,
  });
  await bastion.accessOn();
  return bastion;
}

async function desk(bastion: TestBastion): Promise<Desk> {
  return (await bastion.call('approvals.list')) as unknown as Desk;
}

function theRequest(bastion: TestBastion): Promise<ApprovalRequestSummary> {
  return waitFor(async () => (await desk(bastion)).requests[0], { what: 'a request that waits' });
}

async function live(bastion: TestBastion): Promise<readonly SessionSummary[]> {
  return (await bastion.call('sessions.list', { live: true, limit: 10 })) as unknown as SessionSummary[];
}

describe("a role that needs the customer's approval", () => {
  test('holds a terminal with a reason prompt until it is granted, and ends it when the grant is taken back', async () => {
    const bastion = await startWith('{ reason: required }');
    const args = await bastion.sshArgs('web-1', LOGIN);
    const shell = spawnSsh(['-tt', ...args]);
    const seen = () => shell.seen.stdout + shell.seen.stderr;
    await waitFor(() => seen().includes('Reason: '), { what: 'the prompt for a reason' });
    shell.child.stdin.write('ticket 47\u007f711\r');
    const request = await theRequest(bastion);
    expect(request).toMatchObject({
      operator: 'alice',
      host: 'web-1',
      reason: 'ticket 4711',
      action: 'shell',
    });
    await waitFor(() => seen().includes(request.id), { what: 'the line that says that it waits' });
    expect(seen()).not.toContain('recorded by acme (');
    await expect(bastion.call('approvals.grant', { id: request.id, for: 600_000 })).rejects.toMatchObject({
      code: 'usage.params',
    });
    await bastion.call('approvals.grant', { id: request.id, forMs: 600_000 });
    await waitFor(() => seen().includes('Granted until'), { what: 'the answer in the terminal' });
    await waitFor(() => seen().includes('recorded by acme ('), { what: 'the shell' });
    shell.child.stdin.write('echo ans$((40+2))\r');
    await waitFor(() => seen().includes('ans42'), { what: 'the answer of the shell' });
    const [grant] = (await desk(bastion)).grants;
    expect(grant).toMatchObject({ operator: 'alice', reason: 'ticket 4711', request: request.id });
    await waitFor(async () => (await live(bastion))[0]?.grantedUntil === grant?.until, {
      what: 'its end in the list',
    });
    await bastion.auditHas('approval.requested', { request: request.id, operatorReason: 'ticket 4711' });
    await bastion.auditHas('approval.granted', { request: request.id, complete: true });
    await bastion.auditHas('shell.started', { grant: grant?.id });

    await bastion.call('approvals.revoke', { id: grant?.id ?? '' });
    expect(await shell.ended).not.toBe(0);
    expect(seen()).toContain('The customer has taken the approval back');
    await bastion.auditHas('session.ended', { code: 'policy.approval' });
    await bastion.auditHas('approval.revoked', { grant: grant?.id });
  });

  test('holds a command and its input, refuses it with a message, and lets others use a grant that is there', async () => {
    const bastion = await startWith('{ for: 1h }');
    const args = [...(await bastion.sshArgs('web-1', LOGIN)), ...SAY_ALL];
    const refused = spawnSsh([...args, 'echo never']);
    const first = await theRequest(bastion);
    await waitFor(() => refused.seen.stderr.includes(first.id), { what: 'the line that says that it waits' });
    await bastion.call('approvals.refuse', { id: first.id, message: 'Call me first.' });
    expect(await refused.ended).toBe(254);
    expect(refused.seen.stderr).toContain('Call me first.');
    expect(refused.seen.stdout).toBe('');
    await bastion.auditHas('approval.refused', { request: first.id });

    const held = spawnSsh([
      '-o',
      'SetEnv=DRAWBRIDGE_REASON="why not"',
      ...args,
      'cat; env | grep -c DRAWBRIDGE_REASON',
    ]);
    held.child.stdin.end('kept for cat\n');
    const second = await theRequest(bastion);
    expect(second.reason).toBe('why not');
    await expect(bastion.call('approvals.grant', { id: second.id, forMs: 7_200_000 })).rejects.toThrow(
      '60 minutes',
    );
    await bastion.call('approvals.grant', { id: second.id });
    await held.ended;
    expect(held.seen.stdout).toBe('kept for cat\n0\n');

    const again = spawnSsh([...args, 'echo again']);
    expect(await again.ended).toBe(0);
    await bastion.restart();
    await waitFor(() => bastion.proxy.tunnels.size > 0, { what: 'a tunnel after the restart' });
    const afterRestart = spawnSsh([...args, 'echo still granted']);
    expect(await afterRestart.ended).toBe(0);
    expect(afterRestart.seen.stdout).toBe('still granted\n');
  });

  test('refuses at once who must give a reason and can not be asked, and forgets who leaves', async () => {
    const bastion = await startWith('{ reason: required, approvers: 2 }');
    const args = [...(await bastion.sshArgs('web-1', LOGIN)), ...SAY_ALL];
    const silent = spawnSsh([...args, 'true']);
    expect(await silent.ended).toBe(254);
    expect(silent.seen.stderr).toContain('DRAWBRIDGE_REASON');
    const leaving = spawnSsh(['-o', 'SetEnv=DRAWBRIDGE_REASON=x', ...args, 'true']);
    const request = await theRequest(bastion);
    await bastion.call('approvals.grant', { id: request.id });
    await expect(bastion.call('approvals.grant', { id: request.id })).rejects.toThrow('already');
    expect(leaving.seen.stdout).toBe('');
    leaving.child.kill('SIGKILL');
    await waitFor(async () => (await desk(bastion)).requests.length === 0, {
      what: 'the request to be withdrawn',
    });
    await bastion.auditHas('approval.withdrawn', { request: request.id });
    expect((await desk(bastion)).grants).toEqual([]);
  });
});

describe('an operator who is locked out', () => {
  test('is cut at once and stays out over a restart, until the lock is taken off', async () => {
    const bastion = await startWith('');
    const args = [...(await bastion.sshArgs('web-1', LOGIN)), ...SAY_ALL];
    const shell = spawnSsh([...args, 'echo in; sleep 60']);
    await waitFor(() => shell.seen.stdout.includes('in'), { what: 'the session' });
    await bastion.call('operators.lock', { operator: 'alice', reason: 'left' });
    expect(await shell.ended).not.toBe(0);
    expect(shell.seen.stderr).toContain('acme does not let you in any more');
    await bastion.restart();
    await waitFor(() => bastion.proxy.tunnels.size > 0, { what: 'a tunnel after the restart' });
    expect(await spawnSsh([...args, 'true']).ended).toBe(255);
    expect(bastion.proxy.refusals.at(-1)).toContain('does not let you in');
    await bastion.auditHas('operator.locked', { operator: 'alice', reason: 'left' });
    await bastion.call('operators.unlock', { operator: 'alice' });
    expect(await spawnSsh([...args, 'true']).ended).toBe(0);
  });
});

describe('the limits of a session', () => {
  test('end an idle one and leave one alone in which bytes move; all of an operator can be ended together', async () => {
    const bastion = await startWith('', '{ idle: 4s }');
    const args = [...(await bastion.sshArgs('web-1', LOGIN)), ...SAY_ALL];
    const busy = spawnSsh([...args, 'while :; do echo .; sleep 0.2; done']);
    await waitFor(() => busy.seen.stdoutBytes > 0, { what: 'the busy session' });
    const idle = spawnSsh([...args, 'sleep 60']);
    expect(await idle.ended).not.toBe(0);
    expect(idle.seen.stderr).toContain('idle for 4 seconds');
    await bastion.auditHas('session.ended', { code: 'policy.idle' });
    const [left] = await waitFor(async () => {
      const sessions = await live(bastion);
      return sessions.length === 1 ? sessions : undefined;
    });
    expect(left?.movedAt).toBeDefined();
    await bastion.call('sessions.end_all', { operator: 'bob' });
    for (const method of ['sessions.end_all', 'approvals.refuse_all'])
      await expect(bastion.call(method, { operater: 'bob' })).rejects.toMatchObject({ code: 'usage.params' });
    expect((await live(bastion)).length).toBe(1);
    expect(await bastion.call('sessions.end_all', { operator: 'alice', message: 'enough' })).toEqual({
      ended: 1,
    });
    expect(await busy.ended).not.toBe(0);
    expect(busy.seen.stderr).toContain('has ended this session: enough');
  });

  test('are announced in the terminal before they end it', async () => {
    const bastion = await startWith('', '{ session: 50s }');
    const args = await bastion.sshArgs('web-1', LOGIN);
    const shell = spawnSsh(['-tt', ...args]);
    await waitFor(() => /This session ends in \d+ seconds: it may last no longer/.test(shell.seen.stdout), {
      what: 'the warning',
    });
  });
});
