import { basename, relative } from 'node:path';
import type { Terminal } from '../terminal.ts';
import type { DemoDocument } from './document.ts';
import { codeOf } from './installation.ts';
import type { DemoLayout } from './layout.ts';

/** How a user has to write this command: `drawbridge`, or through Node from a source tree. */
export function commandWords(entryPath: string, argv1: string | undefined, cwd: string): string {
  if (argv1 !== undefined && basename(argv1) === 'drawbridge') return 'drawbridge';
  const near = relative(cwd, entryPath);
  return `node ${near.startsWith('..') ? entryPath : near}`;
}

/** Says what to do now that the demo is up. Lines to paste stand alone, whole, whatever their length. */
export function showWelcome(
  terminal: Terminal,
  document: DemoDocument,
  layout: DemoLayout,
  command: string,
): void {
  const { bold, dim, accent, good } = terminal.styles;
  const [host = ''] = document.hosts;
  const { admin } = document.bastion;
  const target = `${document.login}@${host}`;
  const section = (title: string, lines: readonly string[]): void => {
    terminal.line();
    terminal.line(`  ${bold(title)}`);
    for (const line of lines) terminal.line(`    ${line}`);
  };
  terminal.line();
  terminal.line(`  ${good('●')} ${bold('The drawbridge is up.')}`);
  terminal.line(dim("    Vendor's proxy, customer's bastion, agents web-1 and db-1; access is on."));
  section('Log in to a host, as the operator alice', [
    accent(`ssh -F ${document.sshConfig} ${target}`),
    dim('the same over HTTPS only:'),
    accent(`ssh -F ${document.sshConfig} ${target}.wss`),
  ]);
  section("See it on the customer's page, as the administrator carol", [
    accent(document.bastion.url),
    `user ${bold(admin.username)}   password ${bold(admin.password)}`,
    `code ${bold(codeOf(admin.totpSecret))} now; authenticator secret ${admin.totpSecret}`,
    dim(`Your browser will warn: the certificate comes from the demo's own CA.`),
  ]);
  section('Pull the drawbridge up, and let it down again', [
    accent(`${command} access off --config ${document.bastion.config}`),
    accent(`${command} access on --config ${document.bastion.config}`),
  ]);
  section('Read the evidence', [
    accent(`${command} audit verify --config ${document.bastion.config}`),
    dim(`everything of this demo is in ${layout.dir}`),
  ]);
  terminal.line();
  terminal.line(dim('  Ctrl-C ends the demo. Enter shows a fresh code for the page.'));
}
