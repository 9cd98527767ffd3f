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
}

const hostsAnswer = z.object({
  hosts: z.array(
    z.object({
      name: z.string(),
      bastion: z.string(),
      online: z.boolean(),
      labels: z.record(z.string(), z.string()).default({}),
      logins: z.array(z.string()).optional(),
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
): Promise<readonly ReachableHost[]> {
  const login = await requireLogin(home, Date.now());
  const egress = await loginEgress(home, login, env);
  const body = await requestProxy(egress, login.proxy.url, '/api/operator/hosts', {
    method: 'GET',
    token: await operatorToken(home, login),
  });
  const answer = hostsAnswer.safeParse(body);
  if (!answer.success)
    throw new DrawbridgeError('proxy.unexpected', 'The proxy listed hosts in an unknown form.');
  return answer.data.hosts.map((host) => ({ ...host, name: `${host.name}.${host.bastion}` }));
}
