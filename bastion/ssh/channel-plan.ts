import type { SessionStart } from '../../shared/ssh/channel-request.ts';
import { classifyExec, type ExecKind } from '../evidence/exec-kind.ts';
import type { PolicyAction } from '../policy/decide.ts';

/** How a session channel is treated: what the policy is asked, and what becomes of its bytes. */
export interface ChannelPlan {
  readonly kind: 'shell' | 'exec' | 'subsystem';
  readonly action: PolicyAction;
  /** The command line or the subsystem's name, as text for people. */
  readonly command?: string;
  /**
   * `record`: output goes into a recording. `count`: both directions are counted and hashed. `sftp`: as `count`, and
   * followed file by file.
   */
  readonly evidence: 'record' | 'count' | 'sftp';
  /** What kind of transfer it is, for the audit log. */
  readonly transfer?: Exclude<ExecKind, { kind: 'plain' }>;
}

/** Commands are kept in the audit log up to this length; the rest is in the recording's header or counted. */
const COMMAND_LIMIT_CHARACTERS = 8192;

/** What to do with `start`; undefined for a subsystem that this bastion does not know. */
export function planChannel(start: SessionStart, hasPty: boolean): ChannelPlan | undefined {
  switch (start.kind) {
    case 'shell':
      return { kind: 'shell', action: { kind: 'shell' }, evidence: 'record' };
    case 'subsystem':
      if (start.name !== 'sftp') return undefined;
      return { kind: 'subsystem', action: { kind: 'sftp' }, command: 'sftp', evidence: 'sftp' };
    case 'exec':
      return planExec(start.command.toString('utf8'), hasPty);
  }
}

function planExec(text: string, hasPty: boolean): ChannelPlan {
  const command =
    text.length <= COMMAND_LIMIT_CHARACTERS ? text : `${text.slice(0, COMMAND_LIMIT_CHARACTERS)}…`;
  const transfer = classifyExec(text);
  // With a terminal it is something that a person looks at, whatever its name.
  if (transfer.kind === 'plain' || hasPty)
    return { kind: 'exec', action: { kind: 'exec' }, command, evidence: 'record' };
  if (transfer.kind === 'sftp-server') {
    return { kind: 'exec', action: { kind: 'sftp' }, command, evidence: 'sftp', transfer };
  }
  return { kind: 'exec', action: { kind: 'exec' }, command, evidence: 'count', transfer };
}
