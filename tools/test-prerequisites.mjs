// Makes sure of the programs that the tests drive: real clients, a real sshd, a real browser. On Debian and Ubuntu
// they are installed when this runs as root; elsewhere one line names what is missing, and the tests do not start.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const needed = [
  { what: 'ssh, scp and sftp', package: 'openssh-client', programs: ['ssh', 'scp', 'sftp', 'ssh-keygen'] },
  { what: 'sshd', package: 'openssh-server', programs: ['sshd'] },
  {
    what: 'sftp-server',
    package: 'openssh-sftp-server',
    files: [
      '/usr/lib/openssh/sftp-server',
      '/usr/libexec/sftp-server',
      '/usr/libexec/openssh/sftp-server',
      '/usr/lib/ssh/sftp-server',
    ],
  },
  { what: 'asciinema', package: 'asciinema', programs: ['asciinema'] },
  { what: 'rsync', package: 'rsync', programs: ['rsync'] },
  {
    what: 'plink, psftp, pscp and puttygen',
    package: 'putty-tools',
    programs: ['plink', 'psftp', 'pscp', 'puttygen'],
  },
  { what: 'dbclient', package: 'dropbear-bin', programs: ['dbclient', 'dropbearconvert'] },
  { what: 'paramiko', package: 'python3-paramiko', files: ['/usr/lib/python3/dist-packages/paramiko'] },
  { what: 'AsyncSSH', package: 'python3-asyncssh', files: ['/usr/lib/python3/dist-packages/asyncssh'] },
  { what: 'ssh-audit', package: 'ssh-audit', programs: ['ssh-audit'] },
  { what: 'lftp', package: 'lftp', programs: ['lftp'] },
  { what: 'curl', package: 'curl', programs: ['curl'] },
  { what: 'git', package: 'git', programs: ['git'] },
  { what: 'vi', package: 'vim-tiny', programs: ['vi'] },
  { what: 'tmux', package: 'tmux', programs: ['tmux'] },
  { what: 'top', package: 'procps', programs: ['top'] },
  { what: 'systemd-analyze', package: 'systemd', programs: ['systemd-analyze'] },
  { what: 'pebble, an ACME server', package: 'pebble', programs: ['pebble', 'pebble-challtestsrv'] },
  { what: 'tinyproxy', package: 'tinyproxy-bin', programs: ['tinyproxy'] },
  {
    what: 'a Chromium browser',
    package: 'chromium',
    anyProgram: ['chromium', 'chromium-browser', 'google-chrome'],
  },
];

// Without these, single tests are skipped: they are taken along when something has to be installed anyhow.
const welcome = [{ what: 'age', package: 'age', programs: ['age'] }];

// sshd lives where an ordinary user's PATH does not look.
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/sbin'];
const has = (program) => folders.some((folder) => existsSync(join(folder, program)));

function isThere({ programs = [], anyProgram, files }) {
  if (files !== undefined && !files.some((file) => existsSync(file))) return false;
  if (anyProgram !== undefined && !anyProgram.some(has)) return false;
  return programs.every(has);
}

function install(packages) {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => {
    const result = spawnSync('apt-get', args, { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
    return result.status === 0;
  };
  process.stderr.write(`installing what the tests need: ${packages.join(' ')} …\n`);
  return apt('update', '-qq') && apt('install', '-y', '-qq', '--no-install-recommends', ...packages);
}

const missing = () => needed.filter((part) => !isThere(part));
const packagesOf = (parts) => parts.map((part) => part.package);

const first = missing();
if (first.length > 0 && process.getuid?.() === 0 && has('apt-get')) {
  const more = welcome.filter((part) => !isThere(part));
  if (!install(packagesOf([...first, ...more])) && more.length > 0) install(packagesOf(first));
}
const left = missing();
if (left.length > 0) {
  const names = left.map((part) => part.what).join(', ');
  process.stderr.write(
    `The tests need ${names}: install ${packagesOf(left).join(' ')} (names of Debian and Ubuntu).\n`,
  );
  process.exit(1);
}
