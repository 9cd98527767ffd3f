import { createHash } from 'node:crypto';
import type { SessionStart } from '../../shared/ssh/channel-request.ts';
import { classifyExec, type ExecKind } from '../evidence/exec-kind.ts';
import type { PolicyAction } from '../policy/decide.ts';

/** How a session channel is treated: what the policy is asked, and what becomes of its bytes. */
export interface ChannelPlan {
  readonly kind: 'shell' | 'exec' | 'subsystem';
  readonly action: PolicyAction;
  /** The command line or the subsystem's name, as text for people; see {@link COMMAND_LIMIT_CHARACTERS}. */
  readonly command?: string;
  /** Of a command that was cut: its length in bytes, and SHA-256 (hexadecimal) of the whole. */
  readonly whole?: { readonly commandBytes: number; readonly commandSha256: string };
  /**
   * `record`: output goes into a recording. `count`: both directions are counted and hashed; error output, which is
   * text for people, goes into a recording. `sftp`: as `count`, and followed file by file.
   */
  readonly evidence: 'record' | 'count' | 'sftp';
  /** What kind of transfer it is, for the audit log. */
  readonly transfer?: Exclude<ExecKind, { kind: 'plain' }>;
}

/** Commands are kept up to this length; of a longer one, length and hash of the whole are entered with it. */
export const COMMAND_LIMIT_CHARACTERS = 8192;

/** What to do with `start`; undefined for a subsystem that this bastion does not know. */
export function planChannel(start: SessionStart, hasPty: boolean): ChannelPlan | undefined {
  switch (start.kind) {
    case 'shell':
      return { kind: 'shell', action: { kind: 'shell' }, evidence: 'record' };
    case 'subsystem':
      if (start.name !== 'sftp') return undefined;
      return { kind: 'subsystem', action: { kind: 'sftp' }, command: 'sftp', evidence: 'sftp' };
    case 'exec':
      return planExec(start.command, hasPty);
  }
}

function planExec(bytes: Buffer, hasPty: boolean): ChannelPlan {
  const text = bytes.toString('utf8');
  const described = describeCommand(bytes, text);
  const transfer = classifyExec(text);
  // With a terminal it is something that a person looks at, whatever its name.
  if (transfer.kind === 'plain' || hasPty)
    return { kind: 'exec', action: { kind: 'exec' }, ...described, evidence: 'record' };
  if (transfer.kind === 'sftp-server') {
    return { kind: 'exec', action: { kind: 'sftp' }, ...described, evidence: 'sftp', transfer };
  }
  // What hooks of a repository print goes to the operator as text: it is recorded like that of any command.
  const evidence = transfer.kind === 'git' ? 'record' : 'count';
  return { kind: 'exec', action: { kind: 'exec' }, ...described, evidence, transfer };
}

function describeCommand(bytes: Buffer, text: string): Pick<ChannelPlan, 'command' | 'whole'> {
  if (text.length <= COMMAND_LIMIT_CHARACTERS) return { command: text };
  const commandSha256 = createHash('sha256').update(bytes).digest('hex');
  const command = `${text.slice(0, COMMAND_LIMIT_CHARACTERS)}…`;
  return { command, whole: { commandBytes: bytes.length, commandSha256 } };
}
