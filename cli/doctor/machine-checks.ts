import { randomBytes } from 'node:crypto';
import { open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCompiledCiphers } from '../../shared/ssh/ssh2-library.ts';
import { Database } from '../../shared/store/database.ts';
import { formatBytes } from '../format.ts';
import { INSTALL_SCRIPTS } from '../incomplete-package.ts';
import { type Check, check } from './finding.ts';

const MIB = 1024 ** 2;
const DISK_FAIL_BYTES = 256 * MIB;
const DISK_WARN_BYTES = 2048 * MIB;
const DISK_WARN_SHARE = 0.1;
const WRITE_TEST_BYTES = 8 * MIB;
/** Slower than this, recordings hold sessions up. */
const WRITE_WARN_BYTES_PER_S = 20 * MIB;
const NODE_NEEDED = [20, 19] as const;
/** Names of files that must be their owner's alone. */
const SECRET = /(^identity\.json|_key|\.key|\.pem\.key|enrolment\.json|\.db|\.sock|access\.json)$/;

/** The version of Node.js that runs this command. */
export function nodeVersion(): Check {
  return check('node', async () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const enough = major > NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor >= NODE_NEEDED[1]);
    if (enough) return [{ state: 'ok', text: `Node.js ${process.versions.node}.` }];
    return [
      {
        state: 'fail',
        text: `Node.js ${process.versions.node} is too old.`,
        hint: `Install Node.js ${NODE_NEEDED.join('.')} or newer.`,
      },
    ];
  });
}

/** Whether the ciphers of SSH are the compiled ones; a role without SQLite's compiled part does not come this far. */
export function compiledCiphers(present: () => boolean = hasCompiledCiphers): Check {
  return check('package', async () => [
    present()
      ? { state: 'ok', text: 'The compiled ciphers of SSH are there.' }
      : {
          state: 'warn',
          text: 'The compiled ciphers of SSH are missing: sessions take more of the processor.',
          hint: `Install Drawbridge again where there is a compiler: npm install -g ${INSTALL_SCRIPTS} …`,
        },
  ]);
}

/** Free space at `directory`, and how fast a file there reaches the disk. */
export function disk(directory: string): Check {
  return check('disk', async (signal) => {
    const { bavail, blocks, bsize } = await statfs(directory);
    const freeBytes = bavail * bsize;
    const text = `${formatBytes(freeBytes)} free at ${directory}.`;
    const hint = 'Make room: a full disk refuses new sessions.';
    const scarce = freeBytes < DISK_WARN_BYTES && freeBytes < blocks * bsize * DISK_WARN_SHARE;
    if (freeBytes < DISK_FAIL_BYTES) return [{ state: 'fail', text, hint }];
    return [
      scarce ? { state: 'warn', text, hint } : { state: 'ok', text },
      await writeSpeed(directory, signal),
    ];
  });
}

async function writeSpeed(directory: string, signal: AbortSignal) {
  const path = join(directory, `.doctor-${randomBytes(6).toString('hex')}`);
  const startMs = performance.now();
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(Buffer.alloc(WRITE_TEST_BYTES), { signal });
      await file.datasync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true });
  }
  const bytesPerSecond = WRITE_TEST_BYTES / ((performance.now() - startMs) / 1000);
  const text = `${formatBytes(bytesPerSecond)} per second reach the disk.`;
  return bytesPerSecond >= WRITE_WARN_BYTES_PER_S
    ? ({ state: 'ok', text } as const)
    : ({
        state: 'warn',
        text,
        hint: 'Sessions wait for their recordings: use a faster disk for the data directory.',
      } as const);
}

/** Whether keys, databases and sockets in a role's data directory are their owner's alone. */
export function filePermissions(dataDir: string): Check {
  return check('permissions', async () => {
    const open = [];
    const own = await stat(dataDir);
    if ((own.mode & 0o027) !== 0) open.push(dataDir);
    for (const entry of await readdir(dataDir, { withFileTypes: true })) {
      if (entry.isDirectory() || !SECRET.test(entry.name)) continue;
      const path = join(dataDir, entry.name);
      if (((await stat(path)).mode & 0o077) !== 0) open.push(path);
    }
    if (open.length === 0)
      return [{ state: 'ok', text: `Keys and databases in ${dataDir} are their owner's alone.` }];
    return open.map((path) => ({
      state: 'fail' as const,
      text: `Other accounts may read ${path}.`,
      hint: `chmod ${path === dataDir ? '700' : '600'} ${path}`,
    }));
  });
}

/** Whether a database is whole, as far as SQLite's quick check sees. It may be in use. */
export function database(path: string, migrations: readonly string[]): Check {
  return check('database', async () => {
    const db = await Database.open(path, { migrations, synchronous: 'NORMAL', readOnly: true });
    try {
      const rows = await db.all<{ quick_check: string }>('PRAGMA quick_check(5)');
      const faults = rows.map((row) => row.quick_check).filter((text) => text !== 'ok');
      if (faults.length === 0) return [{ state: 'ok', text: `${path} is whole.` }];
      return [
        {
          state: 'fail',
          text: `${path} is damaged: ${faults[0]}.`,
          hint: 'Keep a copy of the data directory, then restore the last backup.',
        },
      ];
    } finally {
      await db.close();
    }
  });
}
