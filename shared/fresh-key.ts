import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/**
 * A fresh Ed25519 key, made into an object from its encoding. While Node.js 20 exports a key as a JWK it holds the key's lock;
 * should it come to collect what had generated this very key, that wants the same lock in the same thread, and the process
 * stands still for good. What is read from an encoding has a lock of its own.
 */
export function freshEd25519(): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  const { privateKey: key } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { format: 'der', type: 'pkcs8' },
    publicKeyEncoding: { format: 'der', type: 'spki' },
  });
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  key.fill(0);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}
