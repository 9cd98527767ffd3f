import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientMatrix, TARGETS } from '../../support/client-matrix.ts';
import { patience } from '../../support/patience.ts';

/*
 * What takes too long, or needs too much, for every run of the tests: `npm run compat` runs it. Each needs its own
 * program (sshfs and /dev/fuse, ansible-core) and fails with the package's name when it is missing.
 */
const wanted = process.env['DRAWBRIDGE_COMPAT'] === '1';
const LIMIT_MS = 300_000 * patience();

let matrix: ClientMatrix;

beforeAll(async () => {
  if (wanted) matrix = await ClientMatrix.start();
});
afterAll(async () => {
  await matrix?.stop();
});

async function needs(program: string, packageName: string): Promise<void> {
  const found = await matrix.local(`command -v ${program}`);
  if (found.status !== 0) throw new Error(`${program} is missing: install the package ${packageName}.`);
}

describe.skipIf(!wanted).each(TARGETS)('files to the $target', ({ index }) => {
  it('sshfs: write, read, rename, remove', { timeout: LIMIT_MS }, async () => {
    await needs('sshfs', 'sshfs');
    expect(existsSync('/dev/fuse'), 'this machine has no /dev/fuse').toBe(true);
    const there = join(matrix.folder, `fs-${index}`);
    const here = join(matrix.folder, `mnt-${index}`);
    mkdirSync(there);
    mkdirSync(here);
    const config = matrix.demo.document.sshConfig;
    const mount = await matrix.local(`sshfs -F ${config} ${matrix.host(index)}:${there} ${here}`);
    expect(mount.status, mount.stderr).toBe(0);
    try {
      const work =
        'dd if=/dev/urandom of=a bs=64k count=64 2>&1 && mv a b && mkdir d && cp b d/c && cmp b d/c';
      expect((await matrix.local(`cd ${here} && ${work} && rm b && ls`)).stdout).toMatch(/d\n$/);
      expect((await matrix.local(`cmp ${there}/d/c ${here}/d/c`)).status).toBe(0);
    } finally {
      await matrix.local(`fusermount -u ${here} || fusermount3 -u ${here}`);
    }
  });
});

describe.skipIf(!wanted).each(TARGETS)('Ansible to the $target', ({ index }) => {
  it.each([
    ['without pipelining', 'False'],
    ['with pipelining', 'True'],
  ])('%s: ping, a command with quotes, copy and fetch', { timeout: LIMIT_MS }, async (_name, pipelining) => {
    await needs('ansible', 'ansible-core');
    const folder = join(matrix.folder, `ansible-${index}-${pipelining}`);
    mkdirSync(folder);
    const host = matrix.host(index);
    writeFileSync(join(folder, 'hosts'), `${host} ansible_python_interpreter=/usr/bin/python3\n`);
    writeFileSync(join(folder, 'file'), 'x'.repeat(300_000));
    writeFileSync(
      join(folder, 'play.yml'),
      [
        '- hosts: all',
        '  gather_facts: false',
        '  tasks:',
        '    - ping:',
        '    - shell: printf "%s" "it\'s \\"quoted\\" ü"',
        '      register: said',
        '    - assert: {that: said.stdout | length == 15}',
        `    - copy: {src: ${folder}/file, dest: ${folder}/copied}`,
        `    - fetch: {src: ${folder}/copied, dest: ${folder}/fetched, flat: true}`,
        '',
      ].join('\n'),
    );
    const config = matrix.demo.document.sshConfig;
    const run = await matrix.local(
      `cd ${folder} && ANSIBLE_HOST_KEY_CHECKING=False ANSIBLE_LOCAL_TEMP=${folder}/tmp ANSIBLE_PIPELINING=${pipelining} ` +
        `ANSIBLE_SSH_ARGS='-F ${config} -o ControlMaster=auto -o ControlPersist=10s' ` +
        `ANSIBLE_SSH_CONTROL_PATH_DIR=/tmp/db-${process.pid} ansible-playbook -i hosts play.yml`,
    );
    expect(run.status, run.stdout + run.stderr).toBe(0);
    expect(readFileSync(join(folder, 'fetched'), 'utf8')).toHaveLength(300_000);
  });
});

describe.skipIf(!wanted).each(TARGETS)('OpenSSH to the $target', ({ index }) => {
  it('256 MiB both ways, with flat memory in every role', { timeout: LIMIT_MS }, async () => {
    const { proxy, bastion, agents } = matrix.demo.document;
    const pids = [proxy.pid, bastion.pid, ...agents.map(({ pid }) => pid)];
    const residentKb = (): number[] =>
      pids.map((pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0));
    const move = async (megabytes: number): Promise<void> => {
      const up = `head -c ${megabytes}M /dev/zero | $SSH ${matrix.host(index)} 'wc -c'`;
      expect((await matrix.local(up)).stdout).toBe(`${megabytes * 1024 * 1024}\n`);
      const file = join(matrix.folder, `flat-${index}`);
      writeFileSync(file, '');
      truncateSync(file, megabytes * 1024 * 1024);
      const config = matrix.demo.document.sshConfig;
      const get = `get ${file} /dev/null\n`;
      const down = await matrix.local(`sftp -q -F ${config} -b - ${matrix.host(index)}`, get);
      expect(down.status, down.stderr).toBe(0);
    };
    await move(32);
    const before = residentKb();
    await move(256);
    // Eight times as much may take what a heap grows by, and not a part of what was moved.
    for (const [at, kb] of residentKb().entries()) expect(kb - (before[at] ?? 0)).toBeLessThan(64 * 1024);
  });

  it('300 sessions one after the other', { timeout: 900_000 * patience() }, async () => {
    for (let number = 0; number < 300; number++) {
      const run = await matrix.ssh([matrix.host(index), `echo ${number}; exit ${number % 250}`]);
      expect(`${run.status} ${run.stdout}`).toBe(`${number % 250} ${number}\n`);
    }
  });
});
