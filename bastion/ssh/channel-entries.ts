import type { ChannelExit } from '../../shared/ssh/channel-bridge.ts';
import type { ChannelEvidence } from './channel-evidence.ts';
import type { ChannelPlan } from './channel-plan.ts';
import type { ChannelSetup } from './channel-setup.ts';
import type { SessionContext } from './session-context.ts';

/** How a channel came to its end. */
export interface ChannelEnd {
  readonly exit: ChannelExit | undefined;
  readonly problem: string | undefined;
  /** Whether its start was entered: only then its end is. */
  readonly started: boolean;
}

/** Enters that a channel starts what it is for; to be awaited before the host is asked to. @throws `audit.unavailable` */
export async function enterChannelStart(
  context: SessionContext,
  number: number,
  plan: ChannelPlan,
  {
    setup,
    keepsInput,
  }: { readonly setup: Pick<ChannelSetup, 'pty' | 'agentForwarding'>; readonly keepsInput: boolean },
): Promise<void> {
  await context.record(plan.kind === 'shell' ? 'shell.started' : 'exec.started', {
    channel: number,
    pty: setup.pty !== undefined,
    ...(setup.agentForwarding ? { agentForwarding: true } : {}),
    grant: context.grantFor(plan.action),
    ...(plan.kind === 'subsystem' ? { subsystem: plan.command } : { command: plan.command, ...plan.whole }),
    ...(plan.transfer === undefined ? {} : { transfer: { ...plan.transfer } }),
    ...(keepsInput ? { keepsStdin: true } : {}),
  });
}

/** Closes the evidence of a channel and enters its end. Never rejects: what can't be stored ends the session. */
export async function enterChannelEnd(
  context: SessionContext,
  number: number,
  plan: ChannelPlan,
  {
    evidence,
    how,
  }: { readonly evidence: Pick<ChannelEvidence, 'close' | 'bytes'>; readonly how: ChannelEnd },
): Promise<void> {
  const { session, services } = context;
  try {
    const fields = await evidence.close();
    if (how.started) {
      await context.record(plan.kind === 'shell' ? 'shell.ended' : 'exec.ended', {
        channel: number,
        ...statusOf(how.exit),
        ...(how.problem === undefined ? {} : { problem: how.problem }),
        ...fields,
      });
    }
  } catch (error) {
    services.log.error(
      { err: error, session: session.identity.id },
      'the end of a channel could not be stored',
    );
    context.endForEvidence(error);
  } finally {
    const bytes = evidence.bytes;
    session.channelClosed({
      channel: number,
      kind: plan.kind,
      bytesIn: bytes.in,
      bytesOut: bytes.out,
    });
  }
}

function statusOf(exit: ChannelExit | undefined): { code?: number; signal?: string } {
  if (exit === undefined) return {};
  return exit.kind === 'exit-status' ? { code: exit.code } : { signal: exit.name };
}
