import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import { seal } from '../archive/seal.ts';
import { listRecordings } from '../evidence.ts';
import { readRolePlace } from '../role-config.ts';
import type { Terminal } from '../terminal.ts';
import { verifyEvidence } from '../verify-evidence.ts';
import type { DemoDocument } from './document.ts';

const SSH_LIMIT_MS = 30_000;
const SESSIONS_LIMIT_MS = 10_000;
const POLL_MS = 50;
const EXEC_STATUS = 42;

/**
 * Uses a running demo as an operator would, with the stock ssh client: one interactive session and one command. Then
 * shows where the recordings are and verifies all evidence.
 * @throws `demo.session_failed`, `demo.evidence_failed`
 */
export async function useOnce(
  document: DemoDocument,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const [first = '', second = first] = document.hosts;
  const word = `drawbridge-${process.pid}`;
  const interactive = await ssh(document, ['-tt', first], `tty; echo ${word}; exit 0\n`, signal);
  if (
    interactive.status !== 0 ||
    !interactive.output.includes(word) ||
    !/\/dev\/(pts\/|tty)/.test(interactive.output)
  ) {
    throw sessionFailed(`The interactive session on ${first}`, interactive);
  }
  terminal.line(`interactive session on ${first}: ok`);
  const exec = await ssh(document, [second, `echo ${word}; exit ${EXEC_STATUS}`], '', signal);
  if (exec.status !== EXEC_STATUS || exec.output.trim() !== word) {
    throw sessionFailed(`The command on ${second}`, exec);
  }
  terminal.line(`command on ${second}: ok, its exit code ${EXEC_STATUS} came back`);
  const place = await readRolePlace(document.bastion.config);
  const deadline = Date.now() + SESSIONS_LIMIT_MS;
  for (;;) {
    await seal(place);
    const report = await verifyEvidence(place);
    const isLate = Date.now() > deadline;
    if (report.ok && report.recordings >= 2 && (report.unsigned === 0 || isLate)) {
      for (const recording of await listRecordings(place)) terminal.line(`recording: ${recording.path}`);
      for (const line of report.lines) terminal.line(`verify: ${line.text}`);
      return;
    }
    // A client has its exit status before the bastion has closed the recording and ended the session: give it the time.
    if (isLate) {
      throw new DrawbridgeError(
        'demo.evidence_failed',
        report.firstFault?.text ?? `Two recordings were expected, ${report.recordings} were verified.`,
      );
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

interface SshResult {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

function ssh(
  document: DemoDocument,
  args: readonly string[],
  input: string,
  signal: AbortSignal,
): Promise<SshResult> {
  if (!existsSync(document.sshConfig))
    throw new DrawbridgeError('demo.session_failed', 'There is no ssh configuration.');
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(SSH_LIMIT_MS)]);
    const child = spawn('ssh', ['-F', document.sshConfig, ...args], { signal: limit });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.once('error', (error) => reject(sshError(error)));
    child.once('close', (status) => resolve({ status, output, errors }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

function sshError(error: Error): DrawbridgeError {
  if (systemCodeOf(error) === 'ENOENT') {
    return new DrawbridgeError('ssh.missing', 'There is no ssh client on this machine.', {
      hint: 'Install the OpenSSH client (on Debian and Ubuntu: apt install openssh-client).',
    });
  }
  return new DrawbridgeError('demo.session_failed', `ssh could not be run to its end: ${error.message}`, {
    cause: error,
  });
}

function sessionFailed(what: string, result: SshResult): DrawbridgeError {
  const said = result.errors.trim().split('\n').at(-1) ?? '';
  return new DrawbridgeError(
    'demo.session_failed',
    `${what} failed (exit code ${result.status})${said === '' ? '' : `: ${said}`}`,
  );
}
