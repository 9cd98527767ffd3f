import { z } from 'zod';
import { DrawbridgeError } from '../shared/errors.ts';
import type { OperatorHome } from './home.ts';
import { requireLogin } from './login-file.ts';
import { loginEgress, operatorToken, requestProxy } from './proxy-api.ts';

/** A host that the operator can name in an ssh command. */
export interface ReachableHost {
  /** What to write behind `ssh`: `web-1.acme`. */
  readonly name: string;
  readonly bastion: string;
  readonly online: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Logins that are open to the operator, when the bastion tells. */
  readonly logins?: readonly string[] | undefined;
  /** Why nobody gets in there now. */
  readonly problem?: string | undefined;
  /** What is done there waits for the customer's approval. */
  readonly needsApproval?: boolean | undefined;
}

/** A bastion whose hosts are not listed, or not all, and why. */
export interface SilentBastion {
  readonly name: string;
  readonly problem: string;
}

const hostsAnswer = z.object({
  bastions: z.array(z.object({ name: z.string(), problem: z.string().optional() })).default([]),
  hosts: z.array(
    z.object({
      name: z.string(),
      bastion: z.string(),
      online: z.boolean(),
      labels: z.record(z.string(), z.string()).default({}),
      logins: z.array(z.string()).optional(),
      problem: z.string().optional(),
      needsApproval: z.boolean().optional(),
    }),
  ),
});

/**
 * The hosts within the operator's reach, as their bastions tell through the proxy.
 * @throws `login.none`, `login.expired`, `egress.*` and what the proxy answers
 */
export async function listOperatorHosts(
  home: OperatorHome,
  env: NodeJS.ProcessEnv,
  options: { readonly timeoutMs?: number } = {},
): Promise<readonly ReachableHost[]> {
  return (await askForHosts(home, env, options)).hosts;
}

/** The hosts within reach, and the bastions that list none, with the reason. @throws like {@link listOperatorHosts} */
export async function askForHosts(
  home: OperatorHome,
  env: NodeJS.ProcessEnv,
  options: { readonly timeoutMs?: number } = {},
): Promise<{ readonly hosts: readonly ReachableHost[]; readonly silent: readonly SilentBastion[] }> {
  const login = await requireLogin(home, Date.now());
  const egress = await loginEgress(home, login, env);
  const body = await requestProxy(egress, login.proxy.url, '/api/operator/hosts', {
    method: 'GET',
    token: await operatorToken(home, login, env),
    ...options,
  });
  const answer = hostsAnswer.safeParse(body);
  if (!answer.success)
    throw new DrawbridgeError('proxy.unexpected', 'The proxy listed hosts in an unknown form.');
  const { hosts, bastions } = answer.data;
  return {
    hosts: hosts.map((host) => ({ ...host, name: `${host.name}.${host.bastion}` })),
    silent: bastions.flatMap(({ name, problem }) => (problem === undefined ? [] : [{ name, problem }])),
  };
}
