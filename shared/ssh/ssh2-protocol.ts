import { createRequire } from 'node:module';
import { DrawbridgeError } from '../errors.ts';

/*
 * The private fields of ssh2, whose version is pinned exactly, that our files beside this one touch: ssh2-internals.ts
 * (packets), ssh2-handshake.ts (key exchange) and client-sign-in.ts (authentication). Nothing else may.
 */

export interface PacketWriter {
  readonly allocStart: number;
  readonly allocStartKEX: number;
  alloc(lengthBytes: number, evenDuringKeyExchange?: boolean): Buffer;
  finalize(packet: Buffer, evenDuringKeyExchange?: boolean): Buffer;
}

export interface PacketReader {
  read(payload: Buffer): Buffer;
  cleanup(): void;
}

export interface Protocol {
  /** Called with each decrypted payload; every key exchange hands the current value on to its new decipher. */
  _onPayload: (payload: Buffer) => unknown;
  /** Our KEXINIT while keys are being exchanged, else undefined. */
  readonly _kexinit: unknown;
  /** Undefined once ssh2 has given the connection up; every send would throw then. */
  readonly _destruct: unknown;
  /**
   * What decrypts what comes in, once the peer's version line is there; while keys are renewed, its payloads go to the key
   * exchange.
   */
  readonly _decipher?: { _onPayload: (payload: Buffer) => unknown };
  /** What encrypts what we send; each key exchange makes a new one. */
  readonly _cipher: object;
  readonly _packetRW: { readonly write: PacketWriter; readonly read: PacketReader };
  /** What both sides are offered in our KEXINIT; sent when the peer's version line has come. */
  _offer: KexOffer;
  /** Called when new keys are in use. */
  _onHandshakeComplete: (...args: unknown[]) => void;
  readonly _server: boolean;
  /** The key exchange that was made last. */
  readonly _kex: { readonly sessionID?: Buffer };
  rekey(): void;
  serviceAccept?(name: string): void;
}

export interface NameList {
  readonly array: readonly string[];
}

export interface Direction {
  readonly cipher: NameList;
  readonly mac: NameList;
  readonly compress: NameList;
  readonly lang: NameList;
}

export interface KexOffer {
  readonly lists: {
    readonly kex: NameList;
    readonly serverHostKey: NameList;
    readonly cs: Direction;
    readonly sc: Direction;
  };
}

export type SendPacket = (protocol: Protocol, packet: Buffer, evenDuringKeyExchange?: boolean) => boolean;

/** @throws `ssh.unsupported_library` when `connection` is not of the ssh2 that we know. */
export function protocolOf(connection: object): Protocol {
  const protocol: unknown = '_protocol' in connection ? connection._protocol : undefined;
  if (!isProtocol(protocol)) throw unsupportedLibrary();
  return protocol;
}

function isProtocol(value: unknown): value is Protocol {
  if (typeof value !== 'object' || value === null) return false;
  if (!('_onPayload' in value) || typeof value._onPayload !== 'function') return false;
  if (!('_kexinit' in value) || !('_destruct' in value)) return false;
  if (!('rekey' in value) || typeof value.rekey !== 'function') return false;
  if (!('_packetRW' in value) || !hasPacketWriter(value._packetRW)) return false;
  if (!('_offer' in value) || !isOffer(value._offer)) return false;
  if (!('_onHandshakeComplete' in value) || typeof value._onHandshakeComplete !== 'function') return false;
  if (!('_server' in value) || !('_kex' in value)) return false;
  if (!('_cipher' in value) || typeof value._cipher !== 'object' || value._cipher === null) return false;
  return true;
}

function hasPacketWriter(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('write' in value)) return false;
  const { write } = value;
  if (typeof write !== 'object' || write === null) return false;
  return 'alloc' in write && 'finalize' in write && 'allocStart' in write && 'allocStartKEX' in write;
}

/** True when packets are sealed in place by ssh2's native AES-GCM, without compression: then their layout is known. */
export function encryptsGcmInPlace(protocol: Protocol): boolean {
  return (
    protocol._cipher.constructor.name === 'AESGCMCipherBinding' &&
    protocol._packetRW.write.constructor.name === 'PacketWriter'
  );
}

export function isOffer(value: unknown): value is KexOffer {
  if (typeof value !== 'object' || value === null || !('lists' in value)) return false;
  const lists = value.lists;
  if (typeof lists !== 'object' || lists === null) return false;
  return 'kex' in lists && 'serverHostKey' in lists && 'cs' in lists && 'sc' in lists;
}

/** What ssh2 sends packets with. @throws `ssh.unsupported_library` */
export function loadSendPacket(): SendPacket {
  // No public entry sends a packet; importing the file by its path is all there is, and it has no types.
  const internals: unknown = createRequire(import.meta.url)('ssh2/lib/protocol/utils.js');
  if (typeof internals !== 'object' || internals === null || !('sendPacket' in internals))
    throw unsupportedLibrary();
  const { sendPacket } = internals;
  if (typeof sendPacket !== 'function') throw unsupportedLibrary();
  return (protocol, packet, evenDuringKeyExchange) =>
    sendPacket(protocol, packet, evenDuringKeyExchange) === true;
}

export function unsupportedLibrary(): DrawbridgeError {
  return new DrawbridgeError(
    'ssh.unsupported_library',
    'The installed ssh2 is not the one Drawbridge knows.',
    {
      hint: 'Install the exact version that package-lock.json names with `npm ci`.',
    },
  );
}
