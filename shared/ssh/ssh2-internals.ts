import { EXTENDED_DATA_STDERR, MESSAGE } from './messages.ts';
import type { DataStream } from './ordered-queue.ts';
import { PAYLOAD_START, PacketBuffers } from './packet-buffer.ts';
import {
  encryptsGcmInPlace,
  loadSendPacket,
  type Protocol,
  protocolOf,
  unsupportedLibrary,
} from './ssh2-protocol.ts';
import { WireWriter } from './wire.ts';

/*
 * We use ssh2 for the transport (key exchange, ciphers) and for authentication. The connection protocol above them
 * (RFC 4254) is ours, since ssh2's channels lose exit statuses and window changes, send refusals without text,
 * cannot be told their window, ignore the socket's backpressure and let stderr and stdout block each other. For that
 * we need what ssh2 has no public name for: packets as they come in after decryption, and a way to send our own.
 */

/** Packets that {@link attachPackets} takes away from ssh2. */
export interface PacketHandler {
  /** A packet of the connection protocol (80 to 100). What it throws goes to `onFault`. */
  onPacket(type: number, payload: Buffer): void;
  /** The peer broke the rules. */
  onFault(error: unknown): void;
  /** Called with the size of every packet that came in. */
  onReceived(sizeBytes: number): void;
}

/** What can be sent on a connection of ssh2 beside what ssh2 sends itself. All of it is silent once it has ended. */
export interface PacketPort {
  send(payload: Buffer): void;
  sendData(remoteChannel: number, stream: DataStream, chunk: Buffer): void;
  /** SSH_MSG_DISCONNECT with a description, at any time. */
  sendDisconnect(reason: number, description: string): void;
  /** SSH_MSG_USERAUTH_BANNER; only before authentication has ended. */
  sendBanner(text: string): void;
  /** Starts a key exchange, unless one is going on. */
  rekey(): void;
  /** True while keys are being exchanged; packets would pile up in ssh2. */
  readonly exchangingKeys: boolean;
  readonly ended: boolean;
}

/**
 * Takes over the connection protocol of `connection` (an ssh2 Client behind `connect`, or a server's connection).
 * @throws `ssh.unsupported_library` when this is not the ssh2 that we know.
 */
export function attachPackets(connection: object, handler: PacketHandler): PacketPort {
  const protocol = protocolOf(connection);
  const sendPacket = loadSendPacket();
  const buffers = new PacketBuffers();
  takePackets(protocol, handler);

  const isEnded = (): boolean => protocol._destruct === undefined;
  const send = (parts: readonly Buffer[], evenDuringKeyExchange = false): void => {
    if (isEnded()) return;
    const lengthBytes = parts.reduce((sum, part) => sum + part.length, 0);
    // Each key exchange makes a new writer. Its `allocStart` leaves room for the packet's header, or none while the
    // packet has to wait for the new keys.
    const write = protocol._packetRW.write;
    const plain = protocol._kexinit === undefined && encryptsGcmInPlace(protocol);
    const packet = plain ? buffers.allocate(lengthBytes) : write.alloc(lengthBytes, evenDuringKeyExchange);
    let position = plain ? PAYLOAD_START : evenDuringKeyExchange ? write.allocStartKEX : write.allocStart;
    for (const part of parts) {
      packet.set(part, position);
      position += part.length;
    }
    sendPacket(protocol, write.finalize(packet, evenDuringKeyExchange), evenDuringKeyExchange);
  };

  return {
    send: (payload) => send([payload]),
    sendData(remoteChannel, stream, chunk) {
      const isStderr = stream === 'stderr';
      const head = Buffer.allocUnsafe(isStderr ? 13 : 9);
      head[0] = isStderr ? MESSAGE.CHANNEL_EXTENDED_DATA : MESSAGE.CHANNEL_DATA;
      head.writeUInt32BE(remoteChannel, 1);
      if (isStderr) head.writeUInt32BE(EXTENDED_DATA_STDERR, 5);
      head.writeUInt32BE(chunk.length, head.length - 4);
      send([head, chunk]);
    },
    sendDisconnect(reason, description) {
      const message = new WireWriter().byte(MESSAGE.DISCONNECT).uint32(reason);
      send([message.string(description).string('').finish()], true);
    },
    sendBanner(text) {
      send([new WireWriter().byte(MESSAGE.USERAUTH_BANNER).string(text).string('').finish()]);
    },
    rekey() {
      if (!isEnded()) protocol.rekey();
    },
    get exchangingKeys() {
      return protocol._kexinit !== undefined;
    },
    get ended() {
      return isEnded();
    },
  };
}

/** Gives packets 80 to 100 to `handler`, all others to ssh2. */
function takePackets(protocol: Protocol, handler: PacketHandler): void {
  const toSsh2 = protocol._onPayload;
  let serviceRequests = 0;
  protocol._onPayload = (payload) => {
    handler.onReceived(payload.length);
    const type = payload[0];
    // paramiko before version 3 repeats the service request for a second factor; ssh2 would hang up on it.
    if (type === MESSAGE.SERVICE_REQUEST && protocol.serviceAccept !== undefined) {
      serviceRequests += 1;
      if (serviceRequests === 2) {
        protocol.serviceAccept('ssh-userauth');
        return undefined;
      }
    }
    if (isOfConnection(type)) return take(type, payload);
    const taken = toSsh2(payload);
    if (type === MESSAGE.KEXINIT) allowMoreWhileKeysAreRenewed();
    return taken;
  };

  function take(type: number, payload: Buffer): undefined {
    try {
      handler.onPacket(type, payload);
    } catch (error) {
      handler.onFault(error);
    }
  }

  /**
   * ssh2 hangs up on whatever else comes between the peer's KEXINIT and its NEWKEYS. AsyncSSH sends SSH_MSG_IGNORE there,
   * which RFC 4253 allows (section 7.1; strict key exchange forbids it in the first exchange only), and paramiko
   * answers requests there.
   */
  function allowMoreWhileKeysAreRenewed(): void {
    const decipher = protocol._decipher;
    if (decipher === undefined) throw unsupportedLibrary();
    const toKeyExchange = decipher._onPayload;
    decipher._onPayload = (payload) => {
      const type = payload[0];
      if (isOfConnection(type)) {
        handler.onReceived(payload.length);
        return take(type, payload);
      }
      return isWithoutMeaning(type) ? undefined : toKeyExchange(payload);
    };
  }
}

function isOfConnection(type: number | undefined): type is number {
  return type !== undefined && type >= MESSAGE.GLOBAL_REQUEST && type <= MESSAGE.CHANNEL_FAILURE;
}

function isWithoutMeaning(type: number | undefined): boolean {
  return type === MESSAGE.IGNORE || type === MESSAGE.UNIMPLEMENTED || type === MESSAGE.DEBUG;
}
