// Stands between an sftp client and /usr/lib/openssh/sftp-server and keeps what crosses, in order: for each piece
// one byte of direction (0: client, 1: server), its length (32 bits, big-endian) and the piece.
import { spawn } from 'node:child_process';
import { openSync, writeSync } from 'node:fs';

const log = openSync(process.env.SFTP_TEE_LOG, 'w');
const server = spawn('/usr/lib/openssh/sftp-server', { stdio: ['pipe', 'pipe', 'inherit'] });

function tee(direction, from, to) {
  from.on('data', (piece) => {
    const head = Buffer.alloc(5);
    head.writeUInt8(direction, 0);
    head.writeUInt32BE(piece.length, 1);
    writeSync(log, Buffer.concat([head, piece]));
    if (!to.write(piece)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('end', () => to.end());
  to.on('error', () => from.destroy());
}

tee(0, process.stdin, server.stdin);
tee(1, server.stdout, process.stdout);
