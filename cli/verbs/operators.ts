import { z } from 'zod';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import { callRole } from '../control.ts';
import { formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';

const lock = z.looseObject({
  operator: z.string(),
  reason: z.string().optional(),
  lockedBy: z.string(),
  lockedAt: z.string(),
});

/** `drawbridge operators lock|unlock|ls`. */
export const registerOperators: RegisterVerb = (program, cli) => {
  const operators = program
    .command('operators')
    .description('Lock operators out here, whatever the proxy says about them.');
  const lockOut = operators
    .command('lock')
    .argument('<operator>', 'name of the operator, as the audit log has it')
    .option('--reason <text>', 'why, for the audit log')
    .description('End all that an operator has open, and let them in no more. It holds across restarts.')
    .action(async (operator: string, options: PlaceOptions & { reason?: string }) => {
      await callRole(cli, options, 'operators.lock', { operator, reason: options.reason }, lock);
      cli.terminal.line(`${printable(operator)} is locked out.`);
    });
  const unlock = operators
    .command('unlock')
    .argument('<operator>', 'name of an operator who is locked out')
    .description('Let an operator in again, as far as the policy allows.')
    .action(async (operator: string, options: PlaceOptions) => {
      await callRole(cli, options, 'operators.unlock', { operator }, z.unknown());
      cli.terminal.line(`${printable(operator)} is no longer locked out.`);
    });
  const list = operators
    .command('ls')
    .option('--json', 'print them as JSON')
    .description('List the operators who are locked out.')
    .action((options: PlaceOptions & { json?: boolean }) => listLocks(cli, options));
  examples(withPlace(lockOut), ['drawbridge operators lock alice --reason "left the vendor"']);
  examples(withPlace(unlock), ['drawbridge operators unlock alice']);
  examples(withPlace(list), ['drawbridge operators ls']);
};

async function listLocks(cli: Cli, options: PlaceOptions & { json?: boolean }): Promise<void> {
  const locks = await callRole(cli, options, 'operators.locks', {}, z.array(lock));
  if (options.json === true) {
    cli.terminal.json(locks);
    return;
  }
  writeTable(
    cli.terminal,
    locks,
    [
      { heading: 'OPERATOR', value: (item) => item.operator },
      { heading: 'SINCE', value: (item) => formatTime(item.lockedAt) },
      { heading: 'BY', value: (item) => item.lockedBy },
      { heading: 'REASON', value: (item) => item.reason ?? '' },
    ],
    'Nobody is locked out.',
  );
}
