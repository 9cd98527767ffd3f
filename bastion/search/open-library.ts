import { join } from 'node:path';
import { RecordingWorker } from '../../recordings/indexing/recording-worker.ts';
import type { AuditSource } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import type { Database } from '../../shared/store/database.ts';
import { DISK_WARNING_BYTES, type EvidenceHealth, freeBytesOf } from '../admission/evidence-health.ts';
import { type BastionConfig, bastionPaths } from '../config.ts';
import { Compression } from '../retention/compression.ts';
import { DiskWatch } from '../retention/disk-watch.ts';
import { RecordingCatalogue } from '../retention/recording-catalogue.ts';
import { Retention } from '../retention/retention.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import type { Teardown } from '../teardown.ts';
import { type GrowingRecording, RecordingIndexer } from './recording-indexer.ts';
import { RecordingLibrary } from './recording-library.ts';
import { SearchStore } from './search-store.ts';

export interface OpenLibraryParts {
  readonly config: BastionConfig;
  readonly database: Database;
  readonly evidence: EvidenceHealth;
  readonly events: AuditSource;
  readonly registry: SessionRegistry;
  /** ISO time of the newest event before this start. */
  readonly lastEventAt: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly teardown: Teardown;
}

/** All that is done with recordings once they are written: found, sought in, compressed, kept and deleted. */
export interface RecordingParts {
  readonly library: RecordingLibrary;
  readonly retention: Retention;
}

/**
 * Opens search index and retention, and starts their work in the background. The index is no evidence: when it can't
 * be kept up, that is logged, and sessions go on.
 * @throws `store.*`
 */
export async function openRecordingLibrary(parts: OpenLibraryParts): Promise<RecordingParts> {
  const { config, database, evidence, registry, clock, log, teardown } = parts;
  const catalogue = new RecordingCatalogue(database);
  const store = await SearchStore.open(join(config.dataDir, 'search.db'), log);
  teardown.add(() => store.close());
  const worker = new RecordingWorker(clock);
  const { compress, compressAfter, keepFor, keepBytes } = config.recordings;
  const compression = compress
    ? new Compression({ catalogue, worker, afterMs: compressAfter, clock, log })
    : undefined;
  teardown.add(async () => compression?.close());
  const indexer = new RecordingIndexer({
    store,
    catalogue,
    worker,
    events: parts.events,
    growing: () => growingRecordings(registry),
    onIndexed: async () => {
      if (compressAfter === 0) await compression?.round();
    },
    hasRoom: async () => (await evidence.diskFreeBytes()) >= DISK_WARNING_BYTES,
    clock,
    log,
  });
  teardown.add(() => indexer.close());
  const retention = new Retention({
    catalogue,
    audit: evidence,
    recordingsDirectory: bastionPaths(config).recordings,
    ...(keepFor === undefined ? {} : { keepForMs: keepFor }),
    ...(keepBytes === undefined ? {} : { keepBytes }),
    onDeleted: ({ session, channel }) => store.remove(session, channel),
    isLive: (session) => registry.get(session) !== undefined,
    lastEventAt: parts.lastEventAt,
    clock,
    log,
  });
  teardown.add(() => retention.close());
  const diskWatch = new DiskWatch({
    directory: config.dataDir,
    freeBytes: () => freeBytesOf(config.dataDir),
    endSessions: (message) => registry.endAll({ code: 'evidence.disk_full', message }),
    clock,
    log,
  });
  teardown.add(() => diskWatch.close());

  indexer
    .catchUp()
    .catch((error: unknown) => log.error({ err: error }, 'the search index can not be kept up'));
  void diskWatch.look();
  void retention.round();
  void compression?.round();
  const library = new RecordingLibrary({ store, sessions: registry, audit: evidence, clock });
  return { library, retention };
}

function growingRecordings(registry: SessionRegistry): readonly GrowingRecording[] {
  return [...registry.live].flatMap((session) =>
    [...session.openChannels].flatMap(({ number, recording }) => {
      if (recording === undefined || recording.isEncrypted) return [];
      const { id, operator, host, login, startedAt } = session.identity;
      const { path, sizeBytes } = recording;
      return [{ session: id, channel: number, operator, host, login, startedAt, path, sizeBytes }];
    }),
  );
}
