/**
 * `search.db`: everything in it is made from recordings, and can be made again. Never evidence.
 *
 * The row ids of `chunks` and `screen_text` are the second at which the recording started times {@link CHUNKS_PER_SECOND}
 * and a number behind it, so that newest first, and between two times, are ranges of the id and cost no sorting.
 */
export const SEARCH_MIGRATIONS: readonly string[] = [
  `CREATE TABLE indexed_recordings (
    id INTEGER PRIMARY KEY,
    session TEXT NOT NULL,
    channel INTEGER NOT NULL,
    started_s INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('growing', 'done', 'failed')),
    end_bytes INTEGER NOT NULL DEFAULT 0,
    duration_s REAL NOT NULL DEFAULT 0,
    problem TEXT,
    UNIQUE (session, channel)
  ) STRICT;
  CREATE TABLE keyframes (
    recording INTEGER NOT NULL REFERENCES indexed_recordings (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    start_s REAL NOT NULL,
    offset_bytes INTEGER NOT NULL,
    end_bytes INTEGER NOT NULL,
    end_s REAL NOT NULL,
    cols INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    screen BLOB NOT NULL,
    PRIMARY KEY (recording, number)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE markers (
    recording INTEGER NOT NULL REFERENCES indexed_recordings (id) ON DELETE CASCADE,
    time_s REAL NOT NULL,
    label TEXT NOT NULL
  ) STRICT;
  CREATE INDEX markers_by_recording ON markers (recording);
  CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    recording INTEGER NOT NULL REFERENCES indexed_recordings (id) ON DELETE CASCADE,
    segment INTEGER NOT NULL,
    lines BLOB NOT NULL
  ) STRICT;
  CREATE INDEX chunks_by_recording ON chunks (recording, segment);
  CREATE VIRTUAL TABLE screen_text USING fts5(
    about, shown, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2'
  );`,
  // All recordings are read again, for the commands that older indexes do not have.
  `CREATE TABLE commands (
    recording INTEGER NOT NULL REFERENCES indexed_recordings (id) ON DELETE CASCADE,
    segment INTEGER NOT NULL,
    time_s REAL NOT NULL,
    text TEXT NOT NULL
  ) STRICT;
  CREATE INDEX commands_by_recording ON commands (recording, segment);
  INSERT INTO screen_text (screen_text) VALUES ('delete-all');
  DELETE FROM chunks;
  DELETE FROM markers;
  DELETE FROM keyframes;
  DELETE FROM indexed_recordings;`,
  // Whose a chunk is, without its lines: thousands of matches are then a few pages to read, and not one each.
  'CREATE INDEX chunk_places ON chunks (id, recording, segment);',
  // And again, for the pauses.
  `ALTER TABLE keyframes ADD COLUMN pauses TEXT NOT NULL DEFAULT '[]';
  INSERT INTO screen_text (screen_text) VALUES ('delete-all');
  DELETE FROM chunks;
  DELETE FROM commands;
  DELETE FROM markers;
  DELETE FROM keyframes;
  DELETE FROM indexed_recordings;`,
];

/** Chunks of text that recordings of one second can have: 16 GiB of text. */
export const CHUNKS_PER_SECOND = 2 ** 20;
