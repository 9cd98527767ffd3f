import { messageOf } from '../../shared/errors.ts';
import { servePackets } from './packet-stream.ts';
import { SftpServer } from './server.ts';

/*
 * The SFTP server as a program of its own, on standard input and output: the agent starts it as the account, like
 * any other program of a session, so that the system decides what it may do.
 */
const server = new SftpServer();
process.stdout.on('error', () => process.exit(1));
try {
  await servePackets(process.stdin, process.stdout, (packet) => server.handle(packet));
} catch (error) {
  process.stderr.write(`drawbridge: error: ${messageOf(error)}\n`);
  process.exitCode = 1;
} finally {
  await server.close();
}
