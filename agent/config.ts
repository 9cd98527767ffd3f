import { z } from 'zod';
import { loadConfig } from '../shared/config/config.ts';
import type { Resolved } from '../shared/config/config-path.ts';
import { commonFields, dialAddress, egressSection, labels } from '../shared/config/fields.ts';
import { isLoginName } from './shell/login-name.ts';

/** Most tunnels that an agent holds to its bastion. */
const MAX_TUNNELS = 4;

/** Name of a UNIX account. */
const loginName = z.string().refine(isLoginName, 'must be the name of an account on this host');

/** Schema of `agent.yaml`. */
export const agentConfigSchema = z.strictObject({
  ...commonFields('agent'),
  /** `builtin`: the agent starts shells itself. `sshd`: it leads to the SSH server of the host. */
  target: z.enum(['builtin', 'sshd']).default('builtin'),
  /** Where the host's SSH server listens; only for `target: sshd`. */
  sshd: dialAddress.prefault({ host: '127.0.0.1', port: 22 }),
  /**
   * Accounts that may be used, whatever the bastion says; only for `target: builtin`. Not given: the account that the
   * agent runs as, or any account when that is root.
   */
  logins: z.array(loginName).exactOptional(),
  /** Whether the bastion may connect from this host to other addresses (`ssh -L`). It decides which. */
  forwarding: z.boolean().default(true),
  /** What the bastion's policy selects hosts by. They are told at enrolment. */
  labels: labels.default({}),
  /** How many tunnels to hold to the bastion. */
  tunnels: z.int().min(1).max(MAX_TUNNELS).default(1),
  egress: egressSection,
});

/** What `agent.yaml` says; paths absolute. */
export type AgentConfig = Resolved<z.infer<typeof agentConfigSchema>>;

/** Reads `agent.yaml`. @throws `config.missing`, `config.unreadable`, `config.invalid` with every fault. */
export function loadAgentConfig(path: string): Promise<AgentConfig> {
  return loadConfig(path, agentConfigSchema, { role: 'agent' });
}
