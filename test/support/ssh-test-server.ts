import { createHash } from 'node:crypto';
import { silentLogger } from '../../shared/log.ts';
import type { SshChannel } from '../../shared/ssh/channel.ts';
import type { ChannelRequest } from '../../shared/ssh/channel-request.ts';
import { generateSshKey } from '../../shared/ssh/keys.ts';
import { listenSsh, type SshListener, type SshListenerOptions } from '../../shared/ssh/listener.ts';
import type { ServeSshOptions } from '../../shared/ssh/server-connection.ts';
import type { TestKey } from './ssh-client.ts';

/** An SSH server whose commands are scripted; see {@link runCommand}. */
export interface TestServer {
  readonly listener: SshListener;
  readonly port: number;
  /** Why each connection ended, in order. */
  readonly closed: string[];
  /** Every request on every channel. */
  readonly requests: ChannelRequest[];
}

/** Starts a server that lets `key` in as any user. */
export async function startTestServer(
  key: TestKey,
  overrides: Partial<ServeSshOptions> = {},
  limits: Partial<SshListenerOptions> = {},
): Promise<TestServer> {
  const closed: string[] = [];
  const requests: ChannelRequest[] = [];
  const hostKey = generateSshKey('test host').privateKey;
  const listener = await listenSsh({
    host: '127.0.0.1',
    port: 0,
    serve: () => ({
      hostKey,
      loginGraceMs: 10_000,
      maxAuthTries: 6,
      log: silentLogger(),
      onAuth(attempt) {
        if (attempt.key?.fingerprint === key.fingerprint) attempt.accept();
        else attempt.reject();
      },
      onSession: (open) => serveCommands(open.accept(), requests),
      onClose: (reason) => closed.push(reason),
      ...overrides,
    }),
    ...limits,
  });
  return { listener, port: listener.port, closed, requests };
}

/** Serves the scripted commands on one session channel. */
export function serveCommands(channel: SshChannel, requests: ChannelRequest[] = []): void {
  channel.attach({
    onRequest(request) {
      requests.push(request);
      if (request.kind === 'exec') setImmediate(() => runCommand(channel, request.command.toString()));
      return request.kind !== 'x11';
    },
  });
}

/**
 * `exit N` · `kill NAME` · `cat` · `hash` (SHA-256 of standard input) · `flood MIB` · `both` (both streams) ·
 * `late` (answers behind EOF).
 */
function runCommand(channel: SshChannel, command: string): void {
  const [verb, argument = ''] = command.split(' ');
  const finish = (code: number): void => {
    channel.exit({ kind: 'exit-status', code });
    channel.close();
  };
  switch (verb) {
    case 'exit':
      finish(Number(argument));
      return;
    case 'kill':
      channel.exit({ kind: 'exit-signal', name: argument, coreDumped: false, message: 'ended by a signal' });
      channel.close();
      return;
    case 'cat':
      echo(channel, finish);
      return;
    case 'hash':
      hash(channel, finish);
      return;
    case 'flood':
      flood(channel, Number(argument) * 1024 * 1024, finish);
      return;
    case 'both':
      channel.write(Buffer.from('to stdout\n'));
      channel.write(Buffer.from('to stderr\n'), 'stderr');
      finish(0);
      return;
    case 'late':
      channel.attach({
        onData: (chunk) => channel.consumed(chunk.length),
        onEof() {
          channel.write(Buffer.from('still here\n'));
          finish(0);
        },
      });
      return;
    default:
      finish(127);
      return;
  }
}

function echo(channel: SshChannel, finish: (code: number) => void): void {
  let creditBytes = 0;
  channel.attach({
    onData(chunk) {
      if (channel.write(chunk)) channel.consumed(chunk.length);
      else creditBytes += chunk.length;
    },
    onDrain() {
      channel.consumed(creditBytes);
      creditBytes = 0;
    },
    onEof: () => finish(0),
  });
}

function hash(channel: SshChannel, finish: (code: number) => void): void {
  const digest = createHash('sha256');
  channel.attach({
    onData(chunk) {
      digest.update(chunk);
      channel.consumed(chunk.length);
    },
    onEof() {
      channel.write(Buffer.from(digest.digest('hex')));
      finish(0);
    },
  });
}

/** The bytes that `flood` sends: each 32 KiB block holds its number. */
export function floodBlock(index: number): Buffer {
  const block = Buffer.alloc(32 * 1024, index % 251);
  block.writeUInt32BE(index);
  return block;
}

function flood(channel: SshChannel, totalBytes: number, finish: (code: number) => void): void {
  let sent = 0;
  const more = (): void => {
    while (sent < totalBytes) {
      const block = floodBlock(sent / (32 * 1024));
      sent += block.length;
      if (!channel.write(block)) return;
    }
    finish(0);
  };
  channel.attach({ onDrain: more });
  more();
}
