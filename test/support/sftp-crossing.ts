import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A piece of an SFTP connection as it crossed. */
export interface SftpPiece {
  readonly from: 'client' | 'server';
  readonly bytes: Buffer;
}

const SFTP_SERVER = '/usr/lib/openssh/sftp-server';
const TEE = fileURLToPath(new URL('./sftp-tee.mjs', import.meta.url));

/**
 * Runs a batch of commands by OpenSSH's sftp client against its server and gives back what crossed between them, and
 * the client's exit code. `folder` holds scratch files; `options` are the client's.
 */
export async function sftpCrossing(
  folder: string,
  commands: readonly string[],
  options: readonly string[] = [],
): Promise<{ pieces: SftpPiece[]; exitCode: number | null }> {
  if (!existsSync(SFTP_SERVER)) throw new Error(`${SFTP_SERVER} is missing: install openssh-sftp-server`);
  const log = join(folder, 'crossing');
  const wrapper = join(folder, 'tee');
  writeFileSync(wrapper, `#!/bin/sh\nSFTP_TEE_LOG='${log}' exec '${process.execPath}' '${TEE}'\n`);
  chmodSync(wrapper, 0o700);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    const client = spawn('sftp', [...options, '-b', '-', '-D', wrapper], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    client.on('error', reject);
    client.on('close', resolve);
    client.stdin.end(commands.map((command) => `${command}\n`).join(''));
  });
  return { pieces: readPieces(readFileSync(log)), exitCode };
}

function readPieces(log: Buffer): SftpPiece[] {
  const pieces: SftpPiece[] = [];
  for (let at = 0; at < log.length; ) {
    const length = log.readUInt32BE(at + 1);
    pieces.push({ from: log[at] === 0 ? 'client' : 'server', bytes: log.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return pieces;
}
