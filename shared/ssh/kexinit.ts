import { WireReader, WireWriter } from './wire.ts';

/** Message number, then a cookie, before the first list of SSH_MSG_KEXINIT (RFC 4253, section 7.1). */
const KEXINIT = 20;
const HEAD_BYTES = 17;

/**
 * The key exchange method that both sides agree on: the client's first that the server has too. Undefined when there
 * is none.
 */
export function chosenKex(client: readonly string[], server: readonly string[]): string | undefined {
  return client.find((name) => server.includes(name));
}

/** The key exchange methods that a peer's SSH_MSG_KEXINIT lists, or undefined when `payload` is no such packet. */
export function readKexMethods(payload: Buffer): readonly string[] | undefined {
  if (payload[0] !== KEXINIT || payload.length < HEAD_BYTES + 4) return undefined;
  if (payload.readUInt32BE(HEAD_BYTES) > payload.length - HEAD_BYTES - 4) return undefined;
  return new WireReader(payload, HEAD_BYTES).string().toString('latin1').split(',');
}

/** The same SSH_MSG_KEXINIT with other key exchange methods; `payload` has to be one that can be read. */
export function withKexMethods(payload: Buffer, methods: readonly string[]): Buffer {
  const reader = new WireReader(payload, HEAD_BYTES);
  reader.string();
  const list = new WireWriter().string(methods.join(',')).finish();
  return Buffer.concat([payload.subarray(0, HEAD_BYTES), list, payload.subarray(reader.position)]);
}
