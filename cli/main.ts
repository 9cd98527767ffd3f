#!/usr/bin/env node
import { tolerateClosedOutput } from './pipe-out.ts';
import { runCommand } from './program.ts';

tolerateClosedOutput();
process.exitCode = await runCommand(process.argv.slice(2), process);
