import { type WireReader, WireWriter } from './wire.ts';

/** What a channel leads to, as its opener asked for it (RFC 4254, sections 6.1 and 7.2). */
export type ChannelTarget =
  | { readonly kind: 'session' }
  | {
      readonly kind: 'direct-tcpip' | 'forwarded-tcpip';
      readonly host: string;
      readonly port: number;
      readonly originHost: string;
      readonly originPort: number;
    }
  | { readonly kind: 'direct-streamlocal'; readonly path: string }
  | { readonly kind: 'other'; readonly type: string };

const STREAMLOCAL = 'direct-streamlocal@openssh.com';

/**
 * Reads the part of SSH_MSG_CHANNEL_OPEN behind the packet size.
 * @throws `ssh.protocol` when it is malformed.
 */
export function decodeChannelTarget(type: string, reader: WireReader): ChannelTarget {
  switch (type) {
    case 'session':
      return { kind: 'session' };
    case 'direct-tcpip':
    case 'forwarded-tcpip':
      return {
        kind: type,
        host: reader.text(),
        port: reader.uint32(),
        originHost: reader.text(),
        originPort: reader.uint32(),
      };
    case STREAMLOCAL:
      return { kind: 'direct-streamlocal', path: reader.text() };
    default:
      return { kind: 'other', type };
  }
}

/** The wire form of a target: its type and what stands behind the packet size. */
export function encodeChannelTarget(target: ChannelTarget): { type: string; payload: Buffer } {
  const writer = new WireWriter();
  switch (target.kind) {
    case 'session':
      return { type: 'session', payload: writer.finish() };
    case 'direct-tcpip':
    case 'forwarded-tcpip':
      writer.string(target.host).uint32(target.port).string(target.originHost).uint32(target.originPort);
      return { type: target.kind, payload: writer.finish() };
    case 'direct-streamlocal':
      return { type: STREAMLOCAL, payload: writer.string(target.path).string('').uint32(0).finish() };
    case 'other':
      return { type: target.type, payload: writer.finish() };
  }
}
