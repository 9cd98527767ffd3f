import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type ArchiveReport, verifyArchive } from '../../../cli/archive/verify-archive.ts';
import { hashEvent, lineOf } from '../../../shared/audit/chain.ts';
import { signCheckpoint } from '../../../shared/audit/checkpoint-note.ts';
import type { AuditEvent } from '../../../shared/audit/event.ts';
import { leafHash, MerkleFrontier } from '../../../shared/audit/merkle.ts';
import {
  type ArchiveFile,
  bytesOf,
  createEvidenceSite,
  type EvidenceSite,
  filesOf,
  writeFiles,
} from '../../support/evidence-archive.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';

/** Single changes that are tried; each is seeded, so that a failure can be repeated. */
const CHANGES = 2_000;

let dir: string;
let site: EvidenceSite;
let whole: readonly ArchiveFile[];
let wholeBytes: Buffer;
let earlier: readonly ArchiveFile[];
let foreign: readonly ArchiveFile[];
/** The last checkpoint as the proxy has it. */
let witnessed: string;

beforeAll(async () => {
  const temporary = createTemporaryDirectory();
  dir = temporary.path;
  site = await createEvidenceSite(join(dir, 'acme'));
  const rival = await createEvidenceSite(join(dir, 'rival'), 'rival');
  await site.act(12);
  await site.seal();
  await site.export(join(dir, 'earlier.tar'));
  await site.act(12);
  witnessed = await site.seal();
  await site.export(join(dir, 'whole.tar'));
  await rival.act(24);
  await rival.seal();
  await rival.export(join(dir, 'foreign.tar'));
  whole = await filesOf(join(dir, 'whole.tar'));
  wholeBytes = bytesOf(join(dir, 'whole.tar'));
  earlier = await filesOf(join(dir, 'earlier.tar'));
  foreign = await filesOf(join(dir, 'foreign.tar'));
  return async () => {
    await site.close();
    await rival.close();
    temporary.remove();
  };
});

/** A change, and what a true description of it says. */
interface Change {
  readonly files: readonly ArchiveFile[];
  readonly says: RegExp;
  /** The number of the event that the first fault must name. */
  readonly seq?: number;
}

type Pick = (below: number) => number;
type Mutation = (pick: Pick) => Change;

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'an event is edited': (pick) => {
    const lines = eventLines(whole);
    const at = pick(lines.length);
    const line = lines[at] ?? '';
    const where = pick(line.length);
    const other = line[where] === '7' ? '8' : '7';
    const edited = line.slice(0, where) + other + line.slice(where + 1);
    return { files: withEvents(lines.map((old, n) => (n === at ? edited : old))), says: /event|readable/ };
  },
  'an event is deleted': (pick) => {
    const lines = eventLines(whole);
    const at = pick(lines.length);
    const last = at === lines.length - 1;
    const says = last ? /ends after event|cut off|had \d+ events/ : /is missing/;
    return { files: withEvents(lines.filter((_, n) => n !== at)), says, seq: at + 1 };
  },
  'an event is repeated': (pick) => {
    const lines = eventLines(whole);
    const at = pick(lines.length);
    const copy = lines[at] ?? '';
    return {
      files: withEvents([...lines.slice(0, at + 1), copy, ...lines.slice(at + 1)]),
      says: /stands where event/,
    };
  },
  "an event of another bastion's log is put in": (pick) => {
    const lines = eventLines(whole);
    const strangers = eventLines(foreign);
    const at = pick(Math.min(lines.length, strangers.length));
    const stranger = strangers[at] ?? '';
    const files = withEvents(lines.map((old, n) => (n === at ? stranger : old)));
    return { files, says: /does not follow|changed|signed|no signed checkpoint|has another key/ };
  },
  'an event is made up and the chain is made anew from there': (pick) => {
    const lines = eventLines(whole);
    const at = pick(lines.length - 1);
    return { files: withEvents(relinked(lines, at)), says: /are not those that were there|checkpoint/ };
  },
  'two events change places': (pick) => {
    const lines = eventLines(whole);
    const at = pick(lines.length - 1);
    const [a = '', b = ''] = lines.slice(at, at + 2);
    return {
      files: withEvents([...lines.slice(0, at), b, a, ...lines.slice(at + 2)]),
      says: /is missing/,
      seq: at + 1,
    };
  },
  'the end of the log is cut off, and the archive says so': (pick) => {
    const lines = eventLines(whole);
    const kept = pick(lines.length - 1);
    return { files: honestly(withEvents(lines.slice(0, kept))), says: /cut off|no signed checkpoint/ };
  },
  'everything is rolled back to an earlier archive': () => ({
    files: earlier,
    says: /ends after event .* cut off/,
  }),
  'the whole history is rewritten with the key of the bastion': (pick) => {
    const lines = eventLines(whole);
    return {
      files: withEvents(resigned(relinked(lines, pick(lines.length - 1)), site)),
      says: /are not those that were there|checkpoint in event/,
    };
  },
  'two recordings change places': (pick) => {
    const [a, b] = two(recordings(whole), pick);
    const files = whole.map((file) =>
      file === a ? { ...a, content: b.content } : file === b ? { ...b, content: a.content } : file,
    );
    return { files, says: /recording .* (was changed|ends at|goes on)/ };
  },
  'a byte of a recording is changed': (pick) => {
    const [file] = two(recordings(whole), pick);
    const content = Buffer.from(file.content);
    const at = pick(content.length);
    content.writeUInt8(content.readUInt8(at) ^ 1, at);
    return { files: replaced(file, content), says: /was changed/ };
  },
  'the end of a recording is cut off': (pick) => {
    const [file] = two(recordings(whole), pick);
    const kept = pick(file.content.length);
    return {
      files: replaced(file, file.content.subarray(0, kept)),
      says: new RegExp(`ends at byte ${kept} of ${file.content.length}`),
    };
  },
  'something is written behind a recording': (pick) => {
    const [file] = two(recordings(whole), pick);
    return {
      files: replaced(file, Buffer.concat([file.content, Buffer.from('[9,"o","x"]\n')])),
      says: /goes on for 12/,
    };
  },
  'a recording is taken out': (pick) => {
    const [file] = two(recordings(whole), pick);
    return { files: whole.filter((other) => other !== file), says: /recordings when it was made|is missing/ };
  },
  'a recording is put in': (pick) => {
    const [file] = two(recordings(whole), pick);
    const added = { ...file, name: `${file.name}-2.cast` };
    return {
      files: whole.flatMap((other) => (other === file ? [other, added] : [other])),
      says: /knows nothing/,
    };
  },
  "another bastion's archive is shown": () => ({ files: foreign, says: /has another key|it is the log of/ }),
  "another bastion's log is shown under our name": () => ({
    files: [...whole.slice(0, 1), ...foreign.slice(1)],
    says: /has another key|is not signed/,
  }),
  'a whole file of the archive is taken out': (pick) => {
    const candidates = whole.filter(({ name }) => name === 'end.json' || name.startsWith('events/'));
    const file = candidates[pick(candidates.length)];
    return {
      files: whole.filter((other) => other !== file),
      says: /cut short|cut off|had \d+ events|is missing/,
    };
  },
  'a foreign file is put in': (pick) => {
    const at = 1 + pick(whole.length);
    const added = { name: `more/${at}`, content: Buffer.from('x') };
    return {
      files: [...whole.slice(0, at), added, ...whole.slice(at)],
      says: /does not belong|behind the end/,
    };
  },
};

test('the archive as it is verifies, and says who has signed it', async () => {
  const report = await verify(join(dir, 'whole.tar'));
  expect(report).toMatchObject({ ok: true, recordings: 6, witnessed: 3 });
  expect(report.lines.map(({ text }) => text).join('\n')).toMatch(/29 events unchanged/);
});

test(`finds each of ${CHANGES} random single changes and describes it truly`, async () => {
  const names = Object.keys(MUTATIONS);
  const random = seeded(20_301_231);
  const pick: Pick = (below) => Math.floor(random() * below);
  for (let n = 0; n < CHANGES; n += 1) {
    const name = names[n % names.length] ?? '';
    const change = MUTATIONS[name]?.(pick);
    if (change === undefined) throw new Error(`no mutation ${name}`);
    const path = join(dir, `changed-${n}.tar`);
    await writeFiles(path, change.files);
    const report = await verify(path);
    rmSync(path);
    const said = report.lines.filter(({ ok }) => !ok).map(({ text }) => text);
    const what = `change ${n}: ${name}: ${said.join(' ')}`;
    expect(report.ok, what).toBe(false);
    expect(said.join('\n'), what).toMatch(change.says);
    if (change.seq !== undefined) expect(report.firstFault?.seq, what).toBe(change.seq);
  }
}, 120_000);

test('finds each cut of the file itself', async () => {
  const random = seeded(7);
  const path = join(dir, 'file.tar');
  for (let n = 0; n < 150; n += 1) {
    writeFileSync(path, wholeBytes);
    // The last two blocks of a tar are zeros that say the end; they hold nothing.
    truncateSync(path, Math.floor(random() * (wholeBytes.length - 1024)));
    expect((await verify(path)).ok, `cut ${n}`).toBe(false);
  }
});

test('a clock that was set back is stated, and what it covered up is not', async () => {
  const other = await createEvidenceSite(join(dir, 'clock'));
  await other.act(6);
  other.clock.advance(-3_600_000);
  await other.act(6);
  const note = await other.seal();
  await other.export(join(dir, 'clock.tar'));
  await other.close();
  const report = await verifyArchive({
    path: join(dir, 'clock.tar'),
    key: other.key,
    witnesses: [other.witness],
    checkpoints: [note],
  });
  expect(report.ok).toBe(true);
  expect(report.lines.map(({ text }) => text).join(' ')).toContain(
    'The clock went back 1 time, first at event',
  );
});

function verify(path: string): Promise<ArchiveReport> {
  return verifyArchive({ path, key: site.key, witnesses: [site.witness], checkpoints: [witnessed] });
}

function eventLines(files: readonly ArchiveFile[]): string[] {
  return files
    .filter(({ name }) => name.startsWith('events/'))
    .flatMap(({ content }) => content.toString('utf8').split('\n').slice(0, -1));
}

function withEvents(lines: readonly string[]): ArchiveFile[] {
  return whole.map((file) =>
    file.name.startsWith('events/')
      ? { ...file, content: Buffer.from(lines.map((line) => `${line}\n`).join('')) }
      : file,
  );
}

/** With manifest and end changed to fit the events that are left. */
function honestly(files: readonly ArchiveFile[]): ArchiveFile[] {
  const events = eventLines(files).length;
  return files.map((file) => {
    const change = (fields: object) => ({
      ...file,
      content: Buffer.from(JSON.stringify({ ...(JSON.parse(file.content.toString()) as object), ...fields })),
    });
    if (file.name === 'manifest.json') return change({ lastSeq: events });
    return file.name === 'end.json' ? change({ events }) : file;
  });
}

function recordings(files: readonly ArchiveFile[]): ArchiveFile[] {
  return files.filter(({ name }) => name.startsWith('recordings/'));
}

function replaced(file: ArchiveFile, content: Buffer): ArchiveFile[] {
  return whole.map((other) => (other === file ? { ...file, content } : other));
}

function two(files: readonly ArchiveFile[], pick: Pick): [ArchiveFile, ArchiveFile] {
  const at = pick(files.length);
  const [a, b] = [files[at], files[(at + 1) % files.length]];
  if (a === undefined || b === undefined) throw new Error('there are too few');
  return [a, b];
}

/** The event at `at` says something else, and it and all behind it are linked anew. */
function relinked(lines: readonly string[], at: number): string[] {
  let prev = at === 0 ? '0'.repeat(64) : (JSON.parse(lines[at - 1] ?? '') as AuditEvent).hash;
  return lines.map((line, n) => {
    if (n < at) return line;
    const { hash: _, ...old } = JSON.parse(line) as AuditEvent;
    const unsealed = { ...old, prev, ...(n === at ? { actor: 'operator:mallory' as const } : {}) };
    const event = { ...unsealed, hash: hashEvent(unsealed) };
    prev = event.hash;
    return lineOf(event);
  });
}

/** What the owner of the bastion's key can do: checkpoints that fit. */
function resigned(lines: readonly string[], { bastion }: EvidenceSite): string[] {
  const tree = new MerkleFrontier();
  let prev = '0'.repeat(64);
  return lines.map((line) => {
    const { hash: _, ...old } = JSON.parse(line) as AuditEvent;
    const root = tree.root();
    const sealed =
      old.type === 'checkpoint.signed'
        ? { root: root.toString('base64'), note: signCheckpoint(bastion, tree.size, root) }
        : {};
    const unsealed = { ...old, ...sealed, prev };
    const event = { ...unsealed, hash: hashEvent(unsealed) };
    prev = event.hash;
    const written = lineOf(event);
    tree.append(leafHash(written));
    return written;
  });
}

/** Mulberry32: the same numbers on every machine. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}
