import { describe, expect, it } from 'vitest';
import { enterChannelEnd, enterChannelStart } from '../../../bastion/ssh/channel-entries.ts';
import { type ChannelPlan, planChannel } from '../../../bastion/ssh/channel-plan.ts';
import type { SessionContext } from '../../../bastion/ssh/session-context.ts';
import { silentLogger } from '../../../shared/log.ts';

/** A session whose entries are kept here; `failing` entries are not stored. */
function sessionOf({ failing = false } = {}) {
  const entries: unknown[] = [];
  const closed: unknown[] = [];
  const ended: unknown[] = [];
  const context = {
    services: { log: silentLogger() },
    session: { identity: { id: 's-1' }, channelClosed: (totals: unknown) => closed.push(totals) },
    grantFor: () => 'g-1',
    record: async (type: string, fields: object) => {
      if (failing) throw new Error('the disk is full');
      entries.push({ type, ...fields });
    },
    endForEvidence: (error: unknown) => void ended.push(error),
  } as unknown as SessionContext;
  return { context, entries, closed, ended };
}

function planOf(start: Parameters<typeof planChannel>[0], hasPty = false): ChannelPlan {
  const plan = planChannel(start, hasPty);
  if (plan === undefined) throw new Error('no plan');
  return plan;
}

const exec = (command: string) => planOf({ kind: 'exec', command: Buffer.from(command) });
const SHELL = planOf({ kind: 'shell' }, true);
const PLAIN = { setup: { pty: undefined, agentForwarding: false }, keepsInput: false };
const evidence = { close: async () => ({ bytesOut: 7 }), bytes: { in: 3, out: 7 } };
const ENDED = { exit: undefined, problem: undefined, started: true };

describe('the entries of a channel', () => {
  it('tell of a command what it is, by which grant, and what is kept of it', async () => {
    const { context, entries } = sessionOf();
    await enterChannelStart(context, 2, exec('uptime'), {
      setup: { pty: undefined, agentForwarding: true },
      keepsInput: true,
    });
    expect(entries).toEqual([
      {
        ...{ type: 'exec.started', channel: 2, pty: false, grant: 'g-1', command: 'uptime' },
        ...{ agentForwarding: true, keepsStdin: true },
      },
    ]);
  });

  it('tell a shell from a command, and a subsystem by its name', async () => {
    const { context, entries } = sessionOf();
    await enterChannelStart(context, 1, SHELL, PLAIN);
    await enterChannelStart(context, 2, planOf({ kind: 'subsystem', name: 'sftp' }), PLAIN);
    expect(entries).toMatchObject([{ type: 'shell.started' }, { type: 'exec.started', subsystem: 'sftp' }]);
    expect(entries[1]).not.toHaveProperty('command');
  });

  it('say of a transfer which one it is', async () => {
    const { context, entries } = sessionOf();
    await enterChannelStart(context, 1, exec('scp -t /tmp/x'), PLAIN);
    expect(entries).toMatchObject([{ transfer: { kind: 'scp', direction: 'upload' } }]);
  });

  it('that can not be stored keep the channel from starting', async () => {
    const { context } = sessionOf({ failing: true });
    await expect(enterChannelStart(context, 1, SHELL, PLAIN)).rejects.toThrow('the disk is full');
  });

  it('tell of the end by status or signal, with the problem and what the evidence says', async () => {
    const { context, entries, closed } = sessionOf();
    const exit = { kind: 'exit-status', code: 4 } as const;
    const killed = { kind: 'exit-signal', name: 'KILL', coreDumped: false, message: '' } as const;
    await enterChannelEnd(context, 1, exec('x'), { evidence, how: { ...ENDED, exit } });
    await enterChannelEnd(context, 2, SHELL, { evidence, how: { ...ENDED, exit: killed, problem: 'cut' } });
    expect(entries).toEqual([
      { type: 'exec.ended', channel: 1, code: 4, bytesOut: 7 },
      { type: 'shell.ended', channel: 2, signal: 'KILL', problem: 'cut', bytesOut: 7 },
    ]);
    expect(closed[1]).toEqual({ channel: 2, kind: 'shell', bytesIn: 3, bytesOut: 7 });
  });

  it('have no end without a start, but close the evidence and the channel', async () => {
    const { context, entries, closed } = sessionOf();
    let isClosed = false;
    const close = async () => {
      isClosed = true;
      return {};
    };
    await enterChannelEnd(context, 1, SHELL, {
      evidence: { ...evidence, close },
      how: { ...ENDED, started: false },
    });
    expect(isClosed).toBe(true);
    expect(entries).toEqual([]);
    expect(closed).toHaveLength(1);
  });

  it('end the session when the end can not be stored, and the channel is closed all the same', async () => {
    const { context, ended, closed } = sessionOf({ failing: true });
    await enterChannelEnd(context, 1, SHELL, { evidence, how: ENDED });
    expect(ended).toEqual([expect.objectContaining({ message: 'the disk is full' })]);
    expect(closed).toHaveLength(1);
  });
});
