import type { Logger } from '../shared/log.ts';
import type { RunningRole } from '../shared/role.ts';
import type { Teardown } from './teardown.ts';

/** A bastion that runs: stopping it tears everything down, once. */
export function runningRole(
  addresses: Readonly<Record<string, string>>,
  teardown: Teardown,
  log: Logger,
): RunningRole {
  let stopping: Promise<void> | undefined;
  let tellStopped: (reason: string) => void = () => undefined;
  const stopped = new Promise<string>((resolve) => {
    tellStopped = resolve;
  });
  return {
    addresses,
    stopped,
    stop: (reason) => {
      stopping ??= teardown.run().then(() => {
        log.info({ reason }, 'the bastion has stopped');
        tellStopped(reason);
      });
      return stopping;
    },
  };
}
