import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientMatrix, TARGETS } from '../../support/client-matrix.ts';
import { runProgram } from '../../support/demo.ts';

let matrix: ClientMatrix;

beforeAll(async () => {
  matrix = await ClientMatrix.start();
  for (const { index } of TARGETS) {
    const tree = join(matrix.folder, `${index}`, 'tree');
    mkdirSync(join(tree, 'sub folder'), { recursive: true });
    for (let file = 0; file < 8; file++) writeFileSync(join(tree, `f${file}`), randomBytes(40_000 * file));
    writeFileSync(join(tree, 'sub folder', 'ünïcode'), 'text\n', { mode: 0o640 });
  }
});
afterAll(async () => {
  await matrix?.stop();
});

describe.concurrent.each(TARGETS)('files to the $target', ({ index }) => {
  const host = (): string => matrix.host(index);
  /** Runs a line in the target's folder, which both ends see: `tree` is there. */
  const run = (line: string, input = '') => matrix.local(`cd ${index} && ${line}`, input);
  const here = (): string => join(matrix.folder, String(index));
  const same = async (one: string, other: string): Promise<void> => {
    expect(await run(`diff -r '${one}' '${other}' && echo same`)).toMatchObject({ stdout: 'same\n' });
  };
  const config = (): string => `-q -F ${matrix.demo.document.sshConfig}`;

  it.each([
    ['scp over sftp', ''],
    ['scp -O', '-O'],
  ])('%s: a tree both ways with times and modes', async (name, flag) => {
    const copy = name.replaceAll(' ', '-');
    const up = await run(`scp ${config()} ${flag} -rp tree ${host()}:${here()}/${copy}`);
    expect(up).toMatchObject({ status: 0, stderr: '' });
    await same('tree', copy);
    expect((await run(`scp ${config()} ${flag} -rp ${host()}:${here()}/${copy} ${copy}-back`)).status).toBe(
      0,
    );
    await same('tree', `${copy}-back`);
    const stat = `stat -c '%a %Y' tree/'sub folder'/* ${copy}-back/'sub folder'/*`;
    const lines = (await run(stat)).stdout.trim().split('\n');
    expect(lines[0]).toBe(lines[1]);
    const sums = (await run('sha256sum tree/f3')).stdout.slice(0, 64);
    const path = `${here()}/${copy}/f3`;
    for (const type of ['file.written', 'file.read'])
      await matrix.demo.auditEvent(
        (event) => event.type === type && event['path'] === path && event['sha256'] === sums,
      );
  });

  it('OpenSSH sftp: put with fsync, posix-rename over a file, copy, df, link, ls, get', async () => {
    writeFileSync(join(here(), 'old'), 'old\n');
    const batch = [
      `put -f tree/f3 ${here()}/s1`,
      `rename ${here()}/s1 ${here()}/old`,
      `copy ${here()}/old ${here()}/s2`,
      `df ${here()}`,
      `ln -s ${here()}/old ${here()}/s3`,
      `ls -l ${here()}`,
      `chmod 600 ${here()}/s2`,
      `get ${here()}/s2 s4`,
    ];
    const result = await run(`sftp ${config()} -b - ${host()}`, `${batch.join('\n')}\n`);
    expect(result).toMatchObject({ status: 0 });
    expect(result.stdout).toContain('Avail');
    await same('tree/f3', 's4');
    await same('tree/f3', 's3');
  });

  it('rsync: both ways, with what was removed', async () => {
    const shell = `-e "$SSH"`;
    expect((await run(`rsync -a ${shell} tree/ ${host()}:${here()}/r1/`)).status).toBe(0);
    expect((await run('touch r1/extra')).status).toBe(0);
    expect((await run(`rsync -a --delete ${shell} tree/ ${host()}:${here()}/r1/`)).status).toBe(0);
    await same('tree', 'r1');
    expect((await run(`rsync -a --delete ${shell} ${host()}:${here()}/r1/ r2/`)).status).toBe(0);
    await same('tree', 'r2');
  });

  it('git: clone and push', async () => {
    const git = 'git -c user.name=t -c user.email=t@t -c init.defaultBranch=main';
    expect((await run(`${git} init -q --bare g.git`)).status).toBe(0);
    const work = [
      `export GIT_SSH_COMMAND="$SSH"`,
      `${git} clone -q ssh://${host()}${here()}/g.git g1`,
      'cp -r tree g1/',
      `cd g1 && git add . && ${git} commit -qm one && git push -q origin HEAD:main && cd ..`,
      `git clone -q -b main ssh://${host()}${here()}/g.git g2`,
    ];
    const result = await run(work.join(' && '));
    expect(result).toMatchObject({ status: 0 });
    await same('tree', 'g2/tree');
  });

  it('psftp: put, rename, list, get', async () => {
    const batch = join(here(), 'psftp-batch');
    const proxy = ['-proxycmd', matrix.jumpLine(host())];
    const args = [...matrix.putty(), ...proxy, '-b', batch, `${matrix.login}@${host()}`];
    const script = `put ${here()}/tree/f2 ${here()}/p1\nmv ${here()}/p1 ${here()}/p2\nls ${here()}\nget ${here()}/p2 ${here()}/p3\n`;
    writeFileSync(batch, script);
    const result = await runProgram('psftp', args);
    expect(result).toMatchObject({ status: 0 });
    await same('tree/f2', 'p3');
  });

  it.each([
    ['over sftp', '-sftp'],
    ['with the old protocol', '-scp'],
  ])('pscp %s: both ways', async (_way, flag) => {
    const base = [...matrix.putty(), flag, '-proxycmd', matrix.jumpLine(host())];
    const there = `${matrix.login}@${host()}:${here()}/pscp${flag}`;
    expect((await runProgram('pscp', [...base, join(here(), 'tree', 'f4'), there])).status).toBe(0);
    const back = join(here(), `pscp${flag}-back`);
    expect((await runProgram('pscp', [...base, there, back])).status).toBe(0);
    await same('tree/f4', back);
  });

  it('lftp: mirror both ways', async () => {
    const connect = `set sftp:connect-program 'ssh -a -x ${config()}'; set net:max-retries 1; open sftp://${host()}`;
    const work = `mirror -R tree ${here()}/l1; mirror ${here()}/l1 l2`;
    expect(await run(`lftp -c "${connect}; ${work}"`)).toMatchObject({ status: 0 });
    await same('tree', 'l2');
  });

  it('curl: sftp both ways', async () => {
    await matrix.withPort(host(), async (port) => {
      const key = `--key ${matrix.identity} --pubkey ${matrix.identity}.pub -u ${matrix.login}:`;
      const url = `sftp://127.0.0.1:${port}${here()}`;
      const up = await run(`curl -sS -k ${key} -T tree/f5 ${url}/c1`);
      expect(up).toMatchObject({ status: 0, stderr: '' });
      expect((await run(`curl -sS -k ${key} -o c2 ${url}/c1`)).status).toBe(0);
    });
    expect(readFileSync(join(here(), 'c2')).equals(readFileSync(join(here(), 'tree', 'f5')))).toBe(true);
  });
});
