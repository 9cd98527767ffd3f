// Which test files may run one after the other in one process, which then reads the sources once and not once a file.
// Our sources hold no state of a module, so all that could get from one file into the next is the process's own:
// whoever touches that runs apart. Measured in docs/decisions/0062-test-files-in-one-process.md.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folders of tests of single parts: they start no roles and no browser. */
const folders = [
  'agent/metrics',
  'bastion/admission',
  'bastion/evidence',
  'bastion/hosts',
  'bastion/policy',
  'bastion/retention',
  'bastion/sealing',
  'bastion/sessions',
  'bastion/ssh',
  'bastion/uplink',
  'cli/archive',
  'cli/doctor',
  'docs',
  'operator',
  'page',
  'proxy/certificates',
  'proxy/enrolment',
  'proxy/store',
  'proxy/tunnels',
  'recordings',
  'shared/audit',
  'shared/config',
  'shared/identity',
  'shared/metrics',
  'shared/store',
  'shared/tunnel/yamux',
];

/** What belongs to the process, by itself or through what is started: environment, time, flags, signals, other programs. */
const TOUCHES_THE_PROCESS =
  /\bvi\.|\bprocess\.(?!pid\b|exec|platform|version|hrtime|cwd|arch)|globalThis|setFlagsFromString|from 'node:(child_process|worker_threads|cluster|v8)'|support\/(browser|bastion-web|demo|heap|page-fixture|running-\w+|real-sshd|terminal-program|typescript-child|inline-child|power-cut|tinyproxy|pebble|client-matrix|ssh-client)\.ts/;

/** Paths of the files that may share a process, relative to the project. */
export function filesThatShareAProcess(): string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, 'test', folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join('test', folder, name),
      ),
    )
    .filter(
      (file) =>
        file.endsWith('.test.ts') && !TOUCHES_THE_PROCESS.test(readFileSync(join(root, file), 'utf8')),
    )
    .sort();
}
