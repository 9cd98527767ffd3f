import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { ml_kem768 as mlKem768 } from '@noble/post-quantum/ml-kem.js';
import { protocolFault } from './wire.ts';

/*
 * The key exchange mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex): what is recorded on the way today stays
 * secret when X25519 can be broken, and stays as secret as with X25519 alone should ML-KEM be broken instead.
 * Node.js 20 has no ML-KEM of its own, hence the library.
 */

/** The method's name in SSH. */
export const HYBRID_KEX = 'mlkem768x25519-sha256';

const MLKEM_KEY_BYTES = 1184;
const MLKEM_CIPHERTEXT_BYTES = 1088;
const X25519_BYTES = 32;

/** What stands before the 32 bytes of an X25519 key in DER (SubjectPublicKeyInfo, RFC 8410). */
const X25519_SPKI_HEAD = Buffer.from('302a300506032b656e032100', 'hex');

/** The server's half of one exchange. */
export interface HybridAnswer {
  /** S_REPLY: the ML-KEM ciphertext, then the server's X25519 key. */
  readonly reply: Buffer;
  /** K, which goes into the exchange hash as a string of 32 bytes. */
  readonly secret: Buffer;
}

/**
 * Answers a client's C_INIT.
 * @throws `ssh.protocol` when it is not an ML-KEM-768 key and an X25519 key that can be used.
 */
export function answerHybrid(init: Buffer): HybridAnswer {
  if (init.length !== MLKEM_KEY_BYTES + X25519_BYTES) throw badShare();
  const own = generateKeyPairSync('x25519');
  try {
    const { cipherText, sharedSecret } = mlKem768.encapsulate(
      Uint8Array.from(init.subarray(0, MLKEM_KEY_BYTES)),
    );
    const classical = agree(own.privateKey, init.subarray(MLKEM_KEY_BYTES));
    return {
      reply: Buffer.concat([cipherText, rawKey(own.publicKey)]),
      secret: combine(sharedSecret, classical),
    };
  } catch (cause) {
    throw badShare(cause);
  }
}

/** The client's half of one exchange: fresh keys, used once. */
export class HybridOffer {
  readonly #decapsulationKey: Uint8Array;
  readonly #privateKey: KeyObject;
  /** C_INIT: the ML-KEM encapsulation key, then the client's X25519 key. */
  readonly init: Buffer;

  constructor() {
    const kem = mlKem768.keygen();
    const own = generateKeyPairSync('x25519');
    this.#decapsulationKey = kem.secretKey;
    this.#privateKey = own.privateKey;
    this.init = Buffer.concat([kem.publicKey, rawKey(own.publicKey)]);
  }

  /**
   * K, from the server's S_REPLY.
   * @throws `ssh.protocol` when that has another size or holds an X25519 key that can't be used.
   */
  secret(reply: Buffer): Buffer {
    if (reply.length !== MLKEM_CIPHERTEXT_BYTES + X25519_BYTES) throw badShare();
    try {
      const ciphertext = Uint8Array.from(reply.subarray(0, MLKEM_CIPHERTEXT_BYTES));
      const shared = mlKem768.decapsulate(ciphertext, this.#decapsulationKey);
      return combine(shared, agree(this.#privateKey, reply.subarray(MLKEM_CIPHERTEXT_BYTES)));
    } catch (cause) {
      throw badShare(cause);
    }
  }
}

/** Throws for keys of small order, whose result would be all zeroes. */
function agree(privateKey: KeyObject, raw: Buffer): Buffer {
  const key = Buffer.concat([X25519_SPKI_HEAD, raw]);
  return diffieHellman({ privateKey, publicKey: createPublicKey({ key, format: 'der', type: 'spki' }) });
}

function rawKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-X25519_BYTES);
}

function combine(postQuantum: Uint8Array, classical: Buffer): Buffer {
  return createHash('sha256').update(postQuantum).update(classical).digest();
}

function badShare(cause?: unknown): Error {
  const fault = protocolFault('The key exchange of the peer holds no usable key.');
  if (cause !== undefined) fault.cause = cause;
  return fault;
}
