import { join } from 'node:path';
import type { TrustedProvider } from '../../bastion/trust/config.ts';
import { isDrawbridgeError } from '../../shared/errors.ts';
import { ID_TOKEN_ALGORITHMS } from '../../shared/identity/provider/key-set.ts';
import type { TestBastion } from './running-bastion.ts';
import type { SigningProvider } from './signing-provider.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** What a customer writes who trusts this provider, with its keys in a file. */
export function trustIn(provider: SigningProvider, issuer: string = provider.issuer): TrustedProvider {
  return {
    issuer,
    clientId: provider.clientId,
    keys: { file: provider.writeKeySet(join(temporaryDirectory(), 'keys.json')), maxAge: 3_600_000 },
    // All that there are: what a test has refused must not have been refused for its algorithm.
    algorithms: [...ID_TOKEN_ALGORITHMS],
    maxLoginAge: 8 * 3_600_000,
    usernameClaim: 'preferred_username',
    groupsClaim: 'groups',
    acrMeans: {},
  };
}

/** What a bastion answers to a stream with this pass: `in`, or the code of the refusal. */
export async function answerTo(bastion: TestBastion, pass: string, host = 'web-1'): Promise<string> {
  const { stream, reply } = bastion.proxy.ask({ host, pass });
  try {
    await reply;
    return 'in';
  } catch (error) {
    return isDrawbridgeError(error) ? error.code : String(error);
  } finally {
    stream.destroy();
  }
}
