import { createRequire } from 'node:module';
import { chosenKex, readKexMethods, withKexMethods } from './kexinit.ts';
import { MESSAGE } from './messages.ts';
import {
  type Direction,
  isOffer,
  type KexOffer,
  loadSendPacket,
  type PacketReader,
  protocolOf,
  unsupportedLibrary,
} from './ssh2-protocol.ts';
import { WireWriter } from './wire.ts';

/** One key exchange of ssh2, going on. */
interface Kex {
  remoteExtInfoEnabled: boolean;
  negotiated: { kex: string };
  hashName: string;
  _remoteKexinit: Buffer;
  convertPublicKey(key: Buffer): Buffer;
  computeSecret(peer: Buffer): Buffer | Error;
  getPublicKey(): Buffer;
}

/** A key exchange that ssh2 does not have. */
export interface AddedKex {
  readonly name: string;
  /** The method of ssh2 whose messages it has (RFC 8731: one share each way) and in whose place it is put. */
  readonly standIn: string;
  /** Name of its hash for Node.js. */
  readonly hash: string;
  /** Begins one exchange, as a server or as a client. */
  begin(isServer: boolean): KexShare;
}

/** Our side of one exchange. */
export interface KexShare {
  /** K, from the peer's share. What it throws ends the connection. */
  secret(peer: Buffer): Buffer;
  /** What we send; a server's is there once `secret` has been called. */
  share(): Buffer;
}

/**
 * Offers `added` before all that ssh2 offers on `connection`, at first and whenever keys are exchanged again, and
 * `extraMacs` behind its MACs. To be
 * called before our KEXINIT is sent: right behind `connect`, or as the first thing in a server's `connection` event.
 *
 * ssh2 chooses and builds its exchanges inside closures. So the peer's list is shown to it with the stand-in where
 * `added` was chosen, and what it then builds is given the real packet (for the exchange hash) and our mathematics.
 * @throws `ssh.unsupported_library` when this is not the ssh2 that we know.
 */
export function attachKex(connection: object, added: AddedKex, extraMacs: readonly string[] = []): void {
  const protocol = protocolOf(connection);
  protocol._offer = offerWith(protocol._offer, added.name, extraMacs);
  const own = protocol._offer.lists.kex.array;
  const isServer = protocol._server;
  let chosenIn: Buffer | undefined;

  const show = (payload: Buffer): Buffer => {
    const theirs = readKexMethods(payload);
    if (theirs === undefined) return payload;
    const chosen = isServer ? chosenKex(theirs, own) : chosenKex(own, theirs);
    chosenIn = chosen === added.name ? Buffer.from(payload) : undefined;
    if (chosenIn === undefined) return payload;
    const shown = theirs.filter((name) => name !== added.standIn);
    return withKexMethods(
      payload,
      shown.map((name) => (name === added.name ? added.standIn : name)),
    );
  };
  onEachValue(protocol._packetRW, 'read', (reader) => {
    if (!isReader(reader)) throw unsupportedLibrary();
    return { read: (payload: Buffer) => show(reader.read(payload)), cleanup: () => reader.cleanup() };
  });
  onEachValue(protocol, '_kex', (kex) => {
    if (chosenIn === undefined) return kex;
    if (!isKex(kex)) throw unsupportedLibrary();
    const share = added.begin(isServer);
    kex._remoteKexinit = chosenIn;
    kex.negotiated.kex = added.name;
    kex.hashName = added.hash;
    kex.convertPublicKey = (key) => key;
    kex.computeSecret = (peer) => {
      try {
        return share.secret(peer);
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    };
    kex.getPublicKey = () => share.share();
    chosenIn = undefined;
    return kex;
  });
}

/**
 * Tells a client that asks (RFC 8308) which signatures a server's connection takes, in place of ssh2's own list, which
 * names SHA-1 and lacks a comma. To be called in a server's `connection` event.
 */
export function announceSignatures(connection: object, algorithms: readonly string[]): void {
  const protocol = protocolOf(connection);
  const sendPacket = loadSendPacket();
  const complete = protocol._onHandshakeComplete;
  protocol._onHandshakeComplete = (...args) => {
    const kex: unknown = '_kex' in protocol ? protocol._kex : undefined;
    if (!isKex(kex)) throw unsupportedLibrary();
    if (kex.remoteExtInfoEnabled) {
      kex.remoteExtInfoEnabled = false;
      const list = new WireWriter().string('server-sig-algs').string(algorithms.join(',')).finish();
      const message = new WireWriter().byte(MESSAGE.EXT_INFO).uint32(1).raw(list).finish();
      const write = protocol._packetRW.write;
      const packet = write.alloc(message.length);
      packet.set(message, write.allocStart);
      sendPacket(protocol, write.finalize(packet));
    }
    // Only the first exchange announces anything, and only there ssh2 would.
    protocol._onHandshakeComplete = complete;
    complete(...args);
  };
}

function offerWith(offer: KexOffer, name: string, extraMacs: readonly string[]): KexOffer {
  const module: unknown = createRequire(import.meta.url)('ssh2/lib/protocol/kex.js');
  if (typeof module !== 'object' || module === null || !('KexInit' in module)) throw unsupportedLibrary();
  const { KexInit } = module;
  if (typeof KexInit !== 'function') throw unsupportedLibrary();
  const { kex, serverHostKey, cs, sc } = offer.lists;
  const direction = ({ cipher, mac, compress, lang }: Direction) => ({
    cipher: cipher.array,
    mac: [...mac.array, ...extraMacs],
    compress: compress.array,
    lang: lang.array,
  });
  const lists = { serverHostKey: serverHostKey.array, cs: direction(cs), sc: direction(sc) };
  const made: unknown = Reflect.construct(KexInit, [{ ...lists, kex: [name, ...kex.array] }]);
  if (!isOffer(made)) throw unsupportedLibrary();
  return made;
}

/** Hands each value that `property` is given, the present one first, to `replace`, and keeps what that returns. */
function onEachValue(object: object, property: string, replace: (value: unknown) => unknown): void {
  let kept: unknown = replace(Reflect.get(object, property));
  Object.defineProperty(object, property, {
    configurable: true,
    enumerable: true,
    get: () => kept,
    set: (value: unknown) => {
      kept = replace(value);
    },
  });
}

function isReader(value: unknown): value is PacketReader {
  return typeof value === 'object' && value !== null && 'read' in value && 'cleanup' in value;
}

function isKex(value: unknown): value is Kex {
  if (typeof value !== 'object' || value === null) return false;
  if (!('_remoteKexinit' in value) || !('remoteExtInfoEnabled' in value)) return false;
  if (!('negotiated' in value) || !('hashName' in value)) return false;
  return 'convertPublicKey' in value && 'computeSecret' in value && 'getPublicKey' in value;
}
