import { type WireReader, WireWriter } from './wire.ts';

/** Size of a terminal, in characters and (0 when unknown) in pixels. */
export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** What a session channel is for. */
export type SessionStart =
  | { readonly kind: 'shell' }
  | { readonly kind: 'exec'; readonly command: Buffer }
  | { readonly kind: 'subsystem'; readonly name: string };

/**
 * A channel request (RFC 4254, section 6; RFC 4335 for `break`), as it was asked, with nothing lost: what a bridge
 * decodes here it can encode again byte for byte. `modes` are the encoded terminal modes. Signal names have no `SIG`.
 */
export type ChannelRequest =
  | SessionStart
  | ({ readonly kind: 'pty'; readonly term: string; readonly modes: Buffer } & TerminalSize)
  | { readonly kind: 'env'; readonly name: string; readonly value: Buffer }
  | ({ readonly kind: 'window-change' } & TerminalSize)
  | { readonly kind: 'signal'; readonly name: string }
  | { readonly kind: 'break'; readonly lengthMs: number }
  | { readonly kind: 'exit-status'; readonly code: number }
  | {
      readonly kind: 'exit-signal';
      readonly name: string;
      readonly coreDumped: boolean;
      readonly message: string;
    }
  | { readonly kind: 'agent-forward' }
  /** The peer takes no more output; its `| head` has ended. OpenSSH's own. */
  | { readonly kind: 'end-of-write' }
  | { readonly kind: 'x11'; readonly payload: Buffer }
  | { readonly kind: 'other'; readonly type: string; readonly payload: Buffer };

/** Names on the wire that differ from our kinds, or carry nothing but themselves. */
const AGENT_FORWARD = 'auth-agent-req@openssh.com';
const END_OF_WRITE = 'eow@openssh.com';

/**
 * Reads the part of SSH_MSG_CHANNEL_REQUEST behind `want reply`.
 * @throws `ssh.protocol` when it is malformed.
 */
export function decodeChannelRequest(type: string, reader: WireReader): ChannelRequest {
  switch (type) {
    case 'shell':
      return { kind: 'shell' };
    case 'exec':
      return { kind: 'exec', command: reader.string() };
    case 'subsystem':
      return { kind: 'subsystem', name: reader.text() };
    case 'pty-req': {
      const term = reader.text();
      const size = readSize(reader);
      return { kind: 'pty', term, ...size, modes: reader.string() };
    }
    case 'env':
      return { kind: 'env', name: reader.text(), value: reader.string() };
    case 'window-change':
      return { kind: 'window-change', ...readSize(reader) };
    case 'signal':
      return { kind: 'signal', name: reader.text() };
    case 'break':
      return { kind: 'break', lengthMs: reader.uint32() };
    case 'exit-status':
      return { kind: 'exit-status', code: reader.uint32() };
    case 'exit-signal':
      return {
        kind: 'exit-signal',
        name: reader.text(),
        coreDumped: reader.boolean(),
        message: reader.text(),
      };
    case AGENT_FORWARD:
      return { kind: 'agent-forward' };
    case END_OF_WRITE:
      return { kind: 'end-of-write' };
    case 'x11-req':
      return { kind: 'x11', payload: reader.rest() };
    default:
      return { kind: 'other', type, payload: reader.rest() };
  }
}

/** The wire form of a request: its type and what stands behind `want reply`. */
export function encodeChannelRequest(request: ChannelRequest): { type: string; payload: Buffer } {
  const writer = new WireWriter();
  switch (request.kind) {
    case 'shell':
      return { type: 'shell', payload: writer.finish() };
    case 'exec':
      return { type: 'exec', payload: writer.string(request.command).finish() };
    case 'subsystem':
      return { type: 'subsystem', payload: writer.string(request.name).finish() };
    case 'pty':
      writeSize(writer.string(request.term), request).string(request.modes);
      return { type: 'pty-req', payload: writer.finish() };
    case 'env':
      return { type: 'env', payload: writer.string(request.name).string(request.value).finish() };
    case 'window-change':
      return { type: 'window-change', payload: writeSize(writer, request).finish() };
    case 'signal':
      return { type: 'signal', payload: writer.string(request.name).finish() };
    case 'break':
      return { type: 'break', payload: writer.uint32(request.lengthMs).finish() };
    case 'exit-status':
      return { type: 'exit-status', payload: writer.uint32(request.code).finish() };
    case 'exit-signal':
      writer.string(request.name).boolean(request.coreDumped).string(request.message).string('');
      return { type: 'exit-signal', payload: writer.finish() };
    case 'agent-forward':
      return { type: AGENT_FORWARD, payload: writer.finish() };
    case 'end-of-write':
      return { type: END_OF_WRITE, payload: writer.finish() };
    case 'x11':
      return { type: 'x11-req', payload: request.payload };
    case 'other':
      return { type: request.type, payload: request.payload };
  }
}

/** True for the requests that start what the channel is for. */
export function isSessionStart(request: ChannelRequest): request is SessionStart {
  return request.kind === 'shell' || request.kind === 'exec' || request.kind === 'subsystem';
}

function readSize(reader: WireReader): TerminalSize {
  return {
    cols: reader.uint32(),
    rows: reader.uint32(),
    widthPx: reader.uint32(),
    heightPx: reader.uint32(),
  };
}

function writeSize(writer: WireWriter, size: TerminalSize): WireWriter {
  return writer.uint32(size.cols).uint32(size.rows).uint32(size.widthPx).uint32(size.heightPx);
}
