import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SftpServer } from '../../../agent/sftp/server.ts';
import { ownAccount } from '../../../agent/shell/account.ts';
import { type BuiltinHost, startBuiltinHost } from '../../support/builtin-host.ts';
import { bundleProgram } from '../../support/bundled-program.ts';
import { createTestKey, ISOLATED, runProgram, type TestKey } from '../../support/ssh-client.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';

const me = ownAccount();

describe("the agent's own SFTP server with the stock clients", () => {
  const directory = createTemporaryDirectory();
  const dir = directory.path;
  let key: TestKey;
  let host: BuiltinHost;
  let removeProgram = (): void => undefined;

  beforeAll(async () => {
    key = await createTestKey(dir);
    const program = await bundleProgram('agent/sftp/main.ts');
    removeProgram = program.remove;
    host = await startBuiltinHost(key, { sftpServer: [process.execPath, program.path] });
  });
  afterAll(async () => {
    await host.close();
    removeProgram();
    directory.remove();
  });

  async function sftp(...commands: string[]) {
    const args = [...ISOLATED, '-P', String(host.port), '-i', key.path, '-b', '-', `${me.name}@127.0.0.1`];
    return runProgram('sftp', args, { input: `${commands.join('\n')}\n` });
  }

  function scp(from: string, to: string, ...options: string[]) {
    return runProgram('scp', [...options, ...ISOLATED, '-P', String(host.port), '-i', key.path, from, to]);
  }

  it('moves 20 MiB both ways unchanged, with its times', async () => {
    const content = randomBytes(20 * 1024 * 1024 + 17);
    const source = join(dir, 'big');
    writeFileSync(source, content);
    utimesSync(source, 1_500_000_000, 1_400_000_000);
    const up = await scp(source, `${me.name}@127.0.0.1:${dir}/up`, '-p');
    expect(up.stderr).toBe('');
    expect(
      createHash('sha256')
        .update(readFileSync(join(dir, 'up')))
        .digest('hex'),
    ).toBe(createHash('sha256').update(content).digest('hex'));
    expect(statSync(join(dir, 'up')).mtimeMs).toBe(1_400_000_000_000);
    await scp(`${me.name}@127.0.0.1:${dir}/up`, join(dir, 'down'));
    expect(readFileSync(join(dir, 'down')).equals(content)).toBe(true);
  }, 60_000);

  it('lists, makes, renames, links and removes', async () => {
    const work = join(dir, 'work');
    const result = await sftp(
      `mkdir ${work}`,
      `cd ${work}`,
      `put ${key.path} a`,
      'chmod 640 a',
      'rename a b',
      'ln -s b soft',
      'ln b hard',
      'ls -la',
      'pwd',
    );
    expect(result.stderr).toBe('');
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(
      new RegExp(`-rw-r-----\\s+2 ${me.name}\\s+\\S+\\s+${statSync(key.path).size} .* b`),
    );
    expect(result.stdout).toMatch(/^l.* soft$/m);
    expect(result.stdout).toContain(`Remote working directory: ${work}`);
    expect(readlinkSync(join(work, 'soft'))).toBe('b');
    expect(statSync(join(work, 'hard')).ino).toBe(statSync(join(work, 'b')).ino);
    const gone = await sftp(`rm ${work}/*`, `rmdir ${work}`);
    expect(gone.code).toBe(0);
    expect(existsSync(work)).toBe(false);
  });

  it('offers the extensions that OpenSSH uses, and copies and measures by them', async () => {
    writeFileSync(join(dir, 'original'), 'some content');
    const result = await sftp(`cp ${dir}/original ${dir}/copied`, `df ${dir}`);
    expect(result.stderr).toBe('');
    expect(readFileSync(join(dir, 'copied'), 'utf8')).toBe('some content');
    expect(result.stdout).toContain('%Capacity');
  });

  it('lists 500 files, names that are no UTF-8 among them', async () => {
    const many = join(dir, 'many');
    mkdirSync(many);
    for (let index = 0; index < 500; index += 1) writeFileSync(join(many, `file-${index}`), '');
    writeFileSync(Buffer.concat([Buffer.from(`${many}/`), Buffer.from([0x6e, 0xff, 0xfe])]), '');
    const result = await sftp(`ls -1 ${many}`);
    expect(result.stdout.split('\n').filter((line) => line.includes('/file-'))).toHaveLength(500);
    const copied = await scp(`${me.name}@127.0.0.1:${many}`, join(dir, 'many-copied'), '-r');
    expect(copied.code, copied.stderr).toBe(0);
    expect(
      existsSync(Buffer.concat([Buffer.from(join(dir, 'many-copied/')), Buffer.from([0x6e, 0xff, 0xfe])])),
    ).toBe(true);
  }, 60_000);

  it('says what is wrong, and goes on', async () => {
    const result = await sftp(`-get ${dir}/missing`, `-rmdir ${dir}/also-missing`, `-rm ${dir}`, 'pwd');
    expect(result.stderr).toContain('not found');
    expect(result.stderr).toMatch(/No such file/);
    expect(result.stdout).toContain('Remote working directory');
  });

  it('resumes a transfer', async () => {
    const content = randomBytes(300_000);
    writeFileSync(join(dir, 'whole'), content);
    writeFileSync(join(dir, 'part'), content.subarray(0, 100_000));
    const result = await sftp(`reput ${dir}/whole ${dir}/part`);
    expect(result.stderr).toBe('');
    expect(readFileSync(join(dir, 'part')).equals(content)).toBe(true);
  });
});

describe('the SFTP server', () => {
  it('does not replace a file by a plain rename', async () => {
    const { path: dir, remove } = createTemporaryDirectory();
    writeFileSync(join(dir, 'a'), 'a');
    writeFileSync(join(dir, 'b'), 'b');
    linkSync(join(dir, 'a'), join(dir, 'c'));
    symlinkSync('nowhere', join(dir, 'd'));
    const server = new SftpServer();
    const answer = await server.handle(packet(18, 7, [join(dir, 'a'), join(dir, 'b')]));
    expect(statusOf(answer)).toBe(4);
    expect(statusOf(await server.handle(packet(18, 7, [join(dir, 'a'), join(dir, 'd')])))).toBe(4);
    expect(readFileSync(join(dir, 'b'), 'utf8')).toBe('b');
    expect(lstatSync(join(dir, 'd')).isSymbolicLink()).toBe(true);
    expect(statusOf(await server.handle(packet(18, 7, [join(dir, 'a'), join(dir, 'e')])))).toBe(0);
    remove();
  });

  it('answers every packet, whatever is in it', async () => {
    const harmless = fc.constantFrom(0, 4, 5, 6, 8, 10, 12, 77, 199, 255);
    await fc.assert(
      fc.asyncProperty(harmless, fc.uint8Array({ maxLength: 64 }), async (type, rest) => {
        const server = new SftpServer();
        const answer = await server.handle(Buffer.concat([Buffer.from([type]), Buffer.from(rest)]));
        expect(answer[0]).toBe(101);
        expect(statusOf(answer)).not.toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('takes no more open files than it says', async () => {
    const server = new SftpServer();
    const { path: dir, remove } = createTemporaryDirectory();
    let refused: Buffer | undefined;
    for (let index = 0; index <= 1024; index += 1) refused = await server.handle(packet(11, index, [dir]));
    expect(refused?.[0]).toBe(101);
    expect(refused?.toString()).toContain('Too many files are open.');
    await server.close();
    remove();
  });
});

function packet(type: number, id: number, strings: readonly string[]): Buffer {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt32BE(id, 1);
  const parts = strings.map((text) => {
    const bytes = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  });
  return Buffer.concat([head, ...parts]);
}

function statusOf(answer: Buffer): number {
  return answer.readUInt32BE(5);
}
