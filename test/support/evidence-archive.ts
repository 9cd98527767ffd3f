import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { exportArchive } from '../../cli/archive/export-archive.ts';
import type { RolePlace } from '../../cli/role-config.ts';
import { readTar } from '../../shared/archive/tar.ts';
import { cosign } from '../../shared/audit/cosignature.ts';
import { AuditLog } from '../../shared/audit/log.ts';
import type { VerifierKey } from '../../shared/audit/verifier-key.ts';
import { WitnessedCheckpoints } from '../../shared/audit/witnessed-checkpoints.ts';
import { createNodeIdentity, type NodeIdentity } from '../../shared/identity/node-identity.ts';
import { silentLogger } from '../../shared/log.ts';
import { FakeClock } from './fake-clock.ts';

/** A file of an archive. */
export interface ArchiveFile {
  readonly name: string;
  readonly content: Buffer;
}

/** A site whose evidence is made by hand: a bastion's log and recordings, and a proxy that witnesses it. */
export interface EvidenceSite {
  readonly clock: FakeClock;
  readonly bastion: NodeIdentity;
  readonly proxy: NodeIdentity;
  readonly place: RolePlace;
  readonly key: VerifierKey;
  readonly witness: VerifierKey;
  readonly log: AuditLog;
  /** A command, and every fourth a recording that was closed; every second recording grew before. */
  act(count: number): Promise<void>;
  /** Signs a checkpoint, lets the proxy counter-sign it, keeps it, and gives back the note. */
  seal(): Promise<string>;
  export(out: string, range?: { since?: string; until?: string; sealed?: boolean }): Promise<void>;
  close(): Promise<void>;
}

export async function createEvidenceSite(dir: string, name = 'acme'): Promise<EvidenceSite> {
  const clock = new FakeClock();
  const dataDir = join(dir, 'data');
  const bastion = await createNodeIdentity(dataDir, 'bastion', name);
  const proxy = await createNodeIdentity(join(dir, 'proxy'), 'proxy', 'central');
  const log = await AuditLog.open(dataDir, { identity: bastion, clock, log: silentLogger() });
  const kept = await WitnessedCheckpoints.open(dataDir);
  const recordingsDir = join(dataDir, 'recordings');
  const place: RolePlace = {
    role: 'bastion',
    configPath: '',
    dataDir,
    socketPath: join(dataDir, 'control.sock'),
    recordingsDir,
  };
  const key = { id: bastion.id, publicJwk: bastion.publicJwk, verifies: 'checkpoints' } as const;
  const witness = { id: proxy.id, publicJwk: proxy.publicJwk, verifies: 'cosignatures' } as const;
  let acts = 0;

  const record = async (): Promise<void> => {
    const path = `2030/01/01/s${acts}-1.cast`;
    const content = Buffer.from(
      `{"version":2,"who":"${name}"}\n`.padEnd(200 + acts, `[0.${acts},"o","x"]\n`),
    );
    mkdirSync(dirname(join(recordingsDir, path)), { recursive: true });
    writeFileSync(join(recordingsDir, path), content);
    const about = { actor: 'system', session: `s${acts}`, channel: 1, path } as const;
    if (acts % 8 === 0) {
      const part = content.subarray(0, 100);
      await log.append({ type: 'recording.grew', ...about, sizeBytes: part.length, sha256: sha256(part) });
    }
    await log.append({
      type: 'recording.closed',
      ...about,
      sizeBytes: content.length,
      sha256: sha256(content),
    });
  };

  return {
    clock,
    bastion,
    proxy,
    place,
    key,
    witness,
    log,
    async act(count) {
      for (let n = 0; n < count; n += 1) {
        acts += 1;
        clock.advance(1000);
        if (acts % 4 === 0) await record();
        else
          await log.append({
            type: 'exec.started',
            actor: 'operator:alice',
            command: `command ${acts}`,
            note: 'ä',
          });
      }
    },
    async seal() {
      const { note, size, root } = await log.checkpoint();
      const atMs = clock.nowMs();
      const cosigned = cosign(note, proxy, atMs);
      await kept.keep(bastion.id, { epoch: 0, size, root, note: cosigned, atMs });
      return cosigned;
    },
    async export(out, range = {}) {
      const reader = await AuditLog.openReadOnly(dataDir);
      try {
        await exportArchive({
          place,
          log: reader,
          keys: [key, witness],
          identity: { id: bastion.id, name, successions: [] },
          out,
          sealed: false,
          ...range,
          recordings: true,
          createdAt: new Date(clock.nowMs()).toISOString(),
          createdBy: 'a test',
        });
      } finally {
        await reader.close();
      }
    },
    async close() {
      await log.close();
      await kept.close();
    },
  };
}

export async function filesOf(archive: string): Promise<ArchiveFile[]> {
  const files: ArchiveFile[] = [];
  for await (const { name, content } of readTar(archive)) {
    const pieces: Buffer[] = [];
    for await (const piece of content) pieces.push(piece);
    files.push({ name, content: Buffer.concat(pieces) });
  }
  return files;
}

/** Writes an archive without bringing it to the disk, which would be most of the time of a test with thousands. */
export async function writeFiles(archive: string, files: readonly ArchiveFile[]): Promise<void> {
  const tarball = pack();
  for (const { name, content } of files) tarball.entry({ name, mtime: new Date(0) }, content);
  tarball.finalize();
  writeFileSync(archive, await buffer(tarball));
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export function bytesOf(path: string): Buffer {
  return readFileSync(path);
}
