import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { type ArchiveReport, verifyArchive } from '../../../cli/archive/verify-archive.ts';
import { gzipMember } from '../../../recordings/gzip-members.ts';
import { GENESIS_HASH, hashEvent, lineOf } from '../../../shared/audit/chain.ts';
import { signCheckpoint } from '../../../shared/audit/checkpoint-note.ts';
import { cosign } from '../../../shared/audit/cosignature.ts';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { leafHash, MerkleFrontier } from '../../../shared/audit/merkle.ts';
import { systemClock } from '../../../shared/clock.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { signSuccession } from '../../../shared/identity/succession.ts';
import {
  type ArchiveFile,
  createEvidenceSite,
  type EvidenceSite,
  filesOf,
  sha256,
  writeFiles,
} from '../../support/evidence-archive.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';

let dir: string;
let site: EvidenceSite;
let whole: readonly ArchiveFile[];
let archives = 0;

beforeAll(async () => {
  const temporary = createTemporaryDirectory();
  dir = temporary.path;
  site = await createEvidenceSite(join(dir, 'acme'));
  await site.act(12);
  await site.seal();
  await site.act(12);
  await site.seal();
  await site.export(join(dir, 'whole.tar'));
  whole = await filesOf(join(dir, 'whole.tar'));
  return async () => {
    await site.close();
    temporary.remove();
  };
});

test('a key that only says of itself that the trusted one followed it is not believed', async () => {
  const mallory = await createNodeIdentity(join(dir, 'mallory'), 'bastion', 'acme');
  for (const id of [site.key.id, mallory.id]) {
    const succession = await signSuccession(
      { id, from: mallory.publicJwk, to: site.key.publicJwk },
      mallory.privateKey,
      systemClock,
    );
    const lines = written(events(whole), { ...mallory, id });
    const files = [
      edited('manifest.json', whole, { successions: [succession] }),
      ...withEvents(whole, lines).filter(({ name }) => /^(events|recordings)\/|^end/.test(name)),
    ];
    expect(faultsOf(await verify(files, { witnessed: false })), id).toMatch(/checkpoint/);
  }
});

test('what is entered while an archive is made is left for the next one, so that all in it is signed', async () => {
  const other = await createEvidenceSite(join(dir, 'busy'));
  try {
    await other.act(4);
    await other.seal();
    await other.act(3);
    const options = {
      path: join(dir, 'sealed.tar'),
      key: other.key,
      witnesses: [other.witness],
      checkpoints: [],
    };
    await other.export(options.path, { sealed: true });
    const sealed = await verifyArchive(options);
    expect(sealed).toMatchObject({ ok: true });
    expect(JSON.stringify(sealed.lines)).not.toContain('not signed yet');
    const unsealed = { ...options, path: join(dir, 'unsealed.tar') };
    await other.export(unsealed.path, { sealed: false });
    const report = await verifyArchive(unsealed);
    expect(report.ok).toBe(true);
    expect(JSON.stringify(report.lines)).toContain('events are not signed yet');
  } finally {
    await other.close();
  }
});

test('an archive whose beginning was taken away does not pass for the whole log', async () => {
  const all = events(whole);
  const tree = new MerkleFrontier();
  for (const line of lines(whole).slice(0, 5)) tree.append(leafHash(line));
  const before = {
    hash: all[4]?.hash,
    subtrees: tree.subtrees.map((root) => root.toString('base64')),
    successions: [],
  };
  const files = withEvents(whole, lines(whole).slice(5)).map((file) =>
    file.name === 'manifest.json'
      ? edited(file.name, whole, { firstSeq: 6, before })
      : file.name === 'end.json'
        ? edited(file.name, whole, { events: all.length - 5, recordings: recordingsKnown(all.slice(5)) })
        : file,
  );
  const known = new Set(all.slice(5).map(({ path }) => `recordings/${String(path)}`));
  const fitting = files.filter(({ name }) => !name.startsWith('recordings/') || known.has(name));
  const report = await verify(fitting);
  expect(faultsOf(report)).toMatch(/begins with event 6/);
});

test('a counter-signed checkpoint of another log, or over other events, is no witness of a part of this one', async () => {
  const other = await createNodeIdentity(join(dir, 'other'), 'bastion', 'other');
  const tree = new MerkleFrontier();
  tree.append(leafHash('x'));
  const foreign = cosign(signCheckpoint(other, 1, tree.root()), site.proxy, systemClock.nowMs());
  const later = cosign(signCheckpoint(site.bastion, 1000, tree.root()), site.proxy, systemClock.nowMs());
  for (const note of [foreign, later]) {
    const files = whole
      .filter(({ name }) => !name.startsWith('witnessed/'))
      .flatMap((file) =>
        file.name === 'manifest.json'
          ? [
              edited(file.name, whole, { until: '2999-01-01T00:00:00.000Z' }),
              { name: 'witnessed/000001.jsonl', content: Buffer.from(`${JSON.stringify({ note })}\n`) },
            ]
          : [file],
      );
    expect(faultsOf(await verify(files))).toMatch(/no checkpoint over these events that the witness/);
  }
});

test('a recording is missing when its deletion names other content, or is signed by nobody', async () => {
  const all = events(whole);
  const closed = all.find(({ type }) => type === 'recording.closed');
  const path = String(closed?.['path']);
  const without = whole.filter(({ name }) => name !== `recordings/${path}`);
  for (const digest of [closed?.['sha256'], 'ab'.repeat(32)]) {
    const unsealed = {
      ...{ v: 1, seq: all.length + 1, id: 'made-up', time: '2030-01-01T01:00:00.000Z' },
      ...{ type: 'recording.deleted', actor: 'system', path, sha256: digest, prev: all.at(-1)?.hash },
    } as unknown as Omit<AuditEvent, 'hash'>;
    const forged = lineOf({ ...unsealed, hash: hashEvent(unsealed) } as AuditEvent);
    const count = whole.filter(({ name }) => name.startsWith('recordings/')).length;
    const files = withEvents(without, [...lines(whole), forged]).map((file) =>
      file.name === 'manifest.json'
        ? edited(file.name, whole, { lastSeq: all.length + 1 })
        : file.name === 'end.json'
          ? edited(file.name, whole, { events: all.length + 1, recordings: count - 1 })
          : file,
    );
    expect(faultsOf(await verify(files))).toContain(`ecording ${path}`);
  }
});

test('a recording that the log closes a second time is still compared with what was true at first', async () => {
  const other = await createEvidenceSite(join(dir, 'twice'));
  await other.act(4);
  await other.seal();
  await other.export(join(dir, 'before.tar'));
  const files = await filesOf(join(dir, 'before.tar'));
  const recording = files.find(({ name }) => name.startsWith('recordings/'));
  if (recording === undefined) throw new Error('there is no recording');
  const content = Buffer.from('{"version":2}\n');
  const path = recording.name.slice('recordings/'.length);
  await other.log.append({
    ...{ type: 'recording.closed', actor: 'system', session: 's4', channel: 1, path },
    ...{ sizeBytes: content.length, sha256: sha256(content) },
  });
  await other.seal();
  await other.export(join(dir, 'after.tar'));
  const after = await filesOf(join(dir, 'after.tar'));
  await other.close();
  const forged = join(dir, 'twice.tar');
  await writeFiles(
    forged,
    after.map((file) => (file.name === recording.name ? { ...file, content } : file)),
  );
  const report = await verifyArchive({
    path: forged,
    key: other.key,
    witnesses: [other.witness],
    checkpoints: [],
  });
  expect(faultsOf(report)).toContain(path);
});

test('bytes that only a lenient reader takes for the text that was stored are a change', async () => {
  const other = await createEvidenceSite(join(dir, 'lenient'));
  onTestFinished(() => other.close());
  await other.log.append({ type: 'exec.started', actor: 'operator:alice', command: 'echo \ufffd' });
  await other.seal();
  const path = join(dir, 'lenient.tar');
  await other.export(path);
  const options = { path, key: other.key, witnesses: [other.witness], checkpoints: [] };
  expect(await verifyArchive(options)).toMatchObject({ ok: true });
  const files = await filesOf(path);
  const bad = files.map((file) => {
    const at = file.content.indexOf('\ufffd');
    if (!file.name.startsWith('events/') || at < 0) return file;
    const content = Buffer.concat([
      file.content.subarray(0, at),
      Buffer.from([0xff]),
      file.content.subarray(at + 3),
    ]);
    return { ...file, content };
  });
  await writeFiles(path, bad);
  const report = await verifyArchive(options);
  expect(report.firstFault).toMatchObject({ seq: 1, offset: 0, text: 'event 1 is not readable as an event' });
  await writeFiles(
    path,
    files.map((file) =>
      file.name === 'end.json'
        ? { ...file, content: Buffer.concat([file.content, Buffer.from([0xff])]) }
        : file,
    ),
  );
  expect(faultsOf(await verifyArchive(options))).toContain('nd.json is not UTF-8');
});

test('a compressed recording holds what it must and nothing beside it', async () => {
  const recording = whole.find(({ name }) => name.startsWith('recordings/'));
  if (recording === undefined) throw new Error('there is no recording');
  const half = Math.floor(recording.content.length / 2);
  const packed = Buffer.concat([
    gzipMember(recording.content.subarray(0, half)),
    gzipMember(recording.content.subarray(half)),
  ]);
  const stored = async (content: Buffer) =>
    faultsOf(
      await verify(whole.map((file) => (file === recording ? { name: `${file.name}.gz`, content } : file))),
    );
  expect(await stored(packed)).toBe('');
  expect(await stored(Buffer.concat([packed, Buffer.from('smuggled')]))).toMatch(/ends within a member/);
  expect(await stored(Buffer.concat([packed, gzipSync('')]))).toMatch(/ends within a member/);
  expect(await stored(gzipSync(recording.content))).toMatch(/damaged/);
  expect(await stored(packed.subarray(0, -3))).toMatch(/ends within a member/);
  expect(await stored(Buffer.concat([packed, gzipMember(Buffer.from('more'))]))).toMatch(
    /goes on for 4 bytes behind its end/,
  );
});

async function verify(
  files: readonly ArchiveFile[],
  { witnessed = true }: { readonly witnessed?: boolean } = {},
): Promise<ArchiveReport> {
  archives += 1;
  const path = join(dir, `forged-${archives}.tar`);
  await writeFiles(path, files);
  return verifyArchive({ path, key: site.key, witnesses: witnessed ? [site.witness] : [], checkpoints: [] });
}

function faultsOf(report: ArchiveReport): string {
  return report.lines
    .filter(({ ok }) => !ok)
    .map(({ text }) => text)
    .join('\n');
}

function lines(files: readonly ArchiveFile[]): string[] {
  return files
    .filter(({ name }) => name.startsWith('events/'))
    .flatMap(({ content }) => content.toString('utf8').split('\n').slice(0, -1));
}

function events(files: readonly ArchiveFile[]): AuditEvent[] {
  return lines(files).map((line) => JSON.parse(line) as AuditEvent);
}

function recordingsKnown(all: readonly AuditEvent[]): number {
  return new Set(all.flatMap(({ path }) => (typeof path === 'string' ? [path] : []))).size;
}

function withEvents(files: readonly ArchiveFile[], all: readonly string[]): ArchiveFile[] {
  const content = Buffer.from(all.map((line) => `${line}\n`).join(''));
  return files.map((file) => (file.name.startsWith('events/') ? { ...file, content } : file));
}

function edited(name: string, files: readonly ArchiveFile[], fields: object): ArchiveFile {
  const file = files.find((one) => one.name === name);
  const old = JSON.parse(file?.content.toString() ?? '{}') as object;
  return { name, content: Buffer.from(JSON.stringify({ ...old, ...fields })) };
}

/** The events as somebody else writes them, with that one's checkpoints. */
function written(all: readonly AuditEvent[], by: NodeIdentity): string[] {
  const tree = new MerkleFrontier();
  let prev = GENESIS_HASH;
  return all.map(({ hash: _, ...old }) => {
    const root = tree.root();
    const sealed =
      old.type === 'checkpoint.signed'
        ? { root: root.toString('base64'), note: signCheckpoint(by, tree.size, root) }
        : {};
    const unsealed = { ...old, ...sealed, prev };
    const event = { ...unsealed, hash: hashEvent(unsealed) };
    prev = event.hash;
    const line = lineOf(event);
    tree.append(leafHash(line));
    return line;
  });
}
