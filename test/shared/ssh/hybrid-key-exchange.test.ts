import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, randomBytes } from 'node:crypto';
import { ml_kem768 as mlKem768 } from '@noble/post-quantum/ml-kem.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDrawbridgeError } from '../../../shared/errors.ts';
import { answerHybrid, HybridOffer } from '../../../shared/ssh/hybrid-key-exchange.ts';

const isProtocolFault = (run: () => unknown): boolean => {
  try {
    run();
    return false;
  } catch (error) {
    return isDrawbridgeError(error, 'ssh.protocol');
  }
};

describe('mlkem768x25519-sha256', () => {
  it('gives both sides the same secret, another one each time', () => {
    const [first, second] = [1, 2].map(() => {
      const offer = new HybridOffer();
      const answer = answerHybrid(offer.init);
      expect(offer.init).toHaveLength(1184 + 32);
      expect(answer.reply).toHaveLength(1088 + 32);
      expect(offer.secret(answer.reply).equals(answer.secret)).toBe(true);
      return answer.secret;
    });
    expect(first).toHaveLength(32);
    expect(first?.equals(second ?? Buffer.alloc(0))).toBe(false);
  });

  it('is SHA-256 of the ML-KEM secret and the X25519 secret, in the order of the draft', () => {
    const kem = mlKem768.keygen();
    const own = generateKeyPairSync('x25519');
    const raw = own.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
    const { reply, secret } = answerHybrid(Buffer.concat([kem.publicKey, raw]));
    const postQuantum = mlKem768.decapsulate(Uint8Array.from(reply.subarray(0, 1088)), kem.secretKey);
    const spki = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), reply.subarray(1088)]);
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const classical = diffieHellman({ privateKey: own.privateKey, publicKey });
    expect(secret).toEqual(createHash('sha256').update(postQuantum).update(classical).digest());
  });

  it('refuses shares of any other size', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1400 }), (bytes) => {
        const share = Buffer.from(bytes);
        return isProtocolFault(() => answerHybrid(share));
      }),
      { numRuns: 50 },
    );
    expect(isProtocolFault(() => new HybridOffer().secret(randomBytes(1119)))).toBe(true);
  });

  it('refuses an ML-KEM key that is not reduced and an X25519 key of small order', () => {
    const { init } = new HybridOffer();
    const unreduced = Buffer.from(init).fill(0xff, 0, 384);
    expect(isProtocolFault(() => answerHybrid(unreduced))).toBe(true);
    const smallOrder = Buffer.from(init).fill(0, 1184);
    expect(isProtocolFault(() => answerHybrid(smallOrder))).toBe(true);
    const offer = new HybridOffer();
    const reply = answerHybrid(offer.init).reply;
    expect(isProtocolFault(() => offer.secret(Buffer.from(reply).fill(0, 1088)))).toBe(true);
  });

  it('gives a changed ciphertext another secret', () => {
    const offer = new HybridOffer();
    const { reply, secret } = answerHybrid(offer.init);
    const changed = Buffer.from(reply);
    changed[5] = (changed[5] ?? 0) ^ 1;
    expect(offer.secret(changed).equals(secret)).toBe(false);
  });
});
