#!/usr/bin/env node
import { tolerateClosedOutput } from './pipe-out.ts';

tolerateClosedOutput();
process.exitCode = await run(process.argv.slice(2));

/** `connect` runs once per ssh call: in its plain form it comes as one bundled file, without the rest of the command. */
async function run(args: readonly string[]): Promise<number> {
  if (args[0] === 'connect') {
    const { readPlainConnect, runPlainConnect } = await import('./connect.ts');
    const plain = readPlainConnect(args.slice(1));
    if (plain !== undefined) return runPlainConnect(plain);
  }
  const { runCommand } = await import('./program.ts');
  return runCommand(args, process);
}
