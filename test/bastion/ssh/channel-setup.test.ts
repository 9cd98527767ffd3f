import { describe, expect, it } from 'vitest';
import { ChannelSetup } from '../../../bastion/ssh/channel-setup.ts';
import type { SessionContext } from '../../../bastion/ssh/session-context.ts';
import type { SshChannel } from '../../../shared/ssh/channel.ts';
import type { ChannelRequest } from '../../../shared/ssh/channel-request.ts';

const PTY = {
  kind: 'pty',
  ...{ term: 'xterm', cols: 80, rows: 24, widthPx: 0, heightPx: 0, modes: Buffer.alloc(0) },
} as const;
const LARGER = { kind: 'window-change', cols: 120, rows: 50, widthPx: 0, heightPx: 0 } as const;
const START = { kind: 'shell' } as const;
const AGENT = { kind: 'agent-forward' } as const;

/** The setup of channel 3, and the refusals that were entered for it. */
function setUp(agentAllowed = true) {
  const refusals: unknown[] = [];
  const context = {
    agentForwarding: false,
    session: { identity: { operator: 'alice', source: '192.0.2.7' } },
    decide: () => (agentAllowed ? { allow: true } : { allow: false, reason: 'no agents here' }),
    recordRefusal: async (type: string, fields: object) => void refusals.push({ type, ...fields }),
  } as unknown as SessionContext;
  return { setup: new ChannelSetup(context, 3), context, refusals };
}

/** A host that answers so to requests, and what it was sent. */
function hostThat(refuses: readonly string[] = []) {
  const sent: string[] = [];
  const host = {
    request: async ({ kind }: ChannelRequest) => {
      sent.push(kind);
      return !refuses.includes(kind);
    },
    notify: (request: ChannelRequest) => {
      sent.push(request.kind === 'env' ? `${request.name}=${request.value.toString()}` : request.kind);
    },
  } as unknown as SshChannel;
  return { host, sent };
}

describe('ChannelSetup', () => {
  it('sends the host terminal, agent and environment before the start, and says who comes', async () => {
    const { setup, context } = setUp();
    expect(setup.request(PTY)).toBe(true);
    expect(setup.request({ kind: 'env', name: 'LANG', value: Buffer.from('C') })).toBe(true);
    expect(await setup.request(AGENT)).toBe(true);
    const { host, sent } = hostThat();
    expect(await setup.startOn(host, START)).toBe('started');
    expect(sent).toEqual([
      ...['pty', 'agent-forward', 'LANG=C', 'DRAWBRIDGE_OPERATOR=alice', 'DRAWBRIDGE_SOURCE=192.0.2.7'],
      'shell',
    ]);
    expect(context.agentForwarding).toBe(true);
  });

  it('lets no host have the agent that the policy refuses, and enters the refusal', async () => {
    const { setup, context, refusals } = setUp(false);
    expect(await setup.request(AGENT)).toBe(false);
    expect(setup.agentForwarding).toBe(false);
    expect(refusals).toEqual([
      { type: 'channel.refused', channel: 3, kind: 'agent-forward', reason: 'no agents here' },
    ]);
    const { host, sent } = hostThat();
    await setup.startOn(host, START);
    expect(sent).not.toContain('agent-forward');
    expect(context.agentForwarding).toBe(false);
  });

  it('never allows X11, and enters the refusal', async () => {
    const { setup, refusals } = setUp();
    expect(await setup.request({ kind: 'x11', payload: Buffer.alloc(0) })).toBe(false);
    expect(refusals).toEqual([expect.objectContaining({ kind: 'x11' })]);
  });

  it('knows no other request that comes before the start', async () => {
    const { setup } = setUp();
    for (const request of [LARGER, { kind: 'break', lengthMs: 1 }, { kind: 'signal', name: 'INT' }] as const)
      expect(await setup.request(request)).toBe(false);
  });

  it('takes a new size for a terminal that was asked for, and for none else', () => {
    const { setup } = setUp();
    expect(setup.resize(LARGER)).toBe(false);
    expect(setup.request(PTY)).toBe(true);
    expect(setup.resize(LARGER)).toBe(true);
    expect(setup.pty).toMatchObject({ term: 'xterm', cols: 120, rows: 50 });
    expect(setup.resize({ kind: 'break', lengthMs: 1 })).toBe(false);
  });

  it('keeps the reason of the operator from the host', async () => {
    const { setup } = setUp();
    await setup.request({ kind: 'env', name: 'DRAWBRIDGE_REASON', value: Buffer.from('ticket 7') });
    expect(setup.reason).toBe('ticket 7');
    const { host, sent } = hostThat();
    await setup.startOn(host, START);
    expect(sent.join()).not.toContain('ticket');
  });

  it('tells a terminal that is refused from a start that is', async () => {
    const { setup } = setUp();
    await setup.request(PTY);
    expect(await setup.startOn(hostThat(['pty']).host, START)).toBe('no_terminal');
    expect(await setup.startOn(hostThat(['shell']).host, START)).toBe('refused');
  });
});
