import { z } from 'zod';
import { loadConfig } from '../shared/config/config.ts';
import type { Resolved } from '../shared/config/config-path.ts';
import { commonFields, dialAddress, egressSection, labels } from '../shared/config/fields.ts';
import { agentMetricsSection } from './metrics/config.ts';
import { isLoginName } from './shell/login-name.ts';

/** Most tunnels that an agent holds to its bastion. */
const MAX_TUNNELS = 4;

/** Name of a UNIX account. */
const loginName = z.string().refine(isLoginName, 'must be the name of an account on this host');

/** Schema of `agent.yaml`. */
export const agentConfigSchema = z.strictObject({
  ...commonFields('agent'),
  target: z
    .enum(['builtin', 'sshd'])
    .default('builtin')
    .describe('`builtin`: the agent starts shells itself. `sshd`: it leads to the SSH server of the host.'),
  sshd: dialAddress
    .prefault({ host: '127.0.0.1', port: 22 })
    .describe("Where the host's SSH server listens, with `target: sshd`; 127.0.0.1 port 22 if left out."),
  logins: z
    .array(loginName)
    .exactOptional()
    .describe(
      'Accounts that may be used, whatever the bastion says, with `target: builtin`. If left out: the account that the agent runs as, or any account when that is root.',
    ),
  forwarding: z
    .boolean()
    .default(true)
    .describe(
      'Whether the bastion may connect from this host to other addresses (`ssh -L`). It decides which.',
    ),
  pam: z
    .boolean()
    .default(true)
    .describe(
      "With `target: builtin`, when the agent is root: whether the system's PAM modules are asked about an account and open its session, by `su`.",
    ),
  afterSession: z
    .enum(['end', 'keep'])
    .default('end')
    .describe(
      'With `target: builtin`: whether what a session has left running (`nohup`, daemons, tmux) ends with it, or is kept.',
    ),
  labels: labels
    .default({})
    .describe("What the bastion's policy selects hosts by. They are told at enrolment."),
  tunnels: z.int().min(1).max(MAX_TUNNELS).default(1).describe('How many tunnels to hold to the bastion.'),
  egress: egressSection,
  metrics: agentMetricsSection,
});

/** What `agent.yaml` says; paths absolute. */
export type AgentConfig = Resolved<z.infer<typeof agentConfigSchema>>;

/** Reads `agent.yaml`. @throws `config.missing`, `config.unreadable`, `config.invalid` with every fault. */
export function loadAgentConfig(path: string): Promise<AgentConfig> {
  return loadConfig(path, agentConfigSchema, { role: 'agent' });
}
