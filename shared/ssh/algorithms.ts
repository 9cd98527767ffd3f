import type { Algorithms } from 'ssh2';
import { answerHybrid, HYBRID_KEX, HybridOffer } from './hybrid-key-exchange.ts';
import type { AddedKex, KexShare } from './ssh2-handshake.ts';

/*
 * Only what is sound today and what OpenSSH, PuTTY, dropbear, paramiko and AsyncSSH of the last years all have.
 * AES-GCM stands first because it is the fastest by far where AES is in the processor; ChaCha20 stays, last, for
 * clients that have nothing else. No compression: it leaks lengths and costs a bastion its processor. The host key
 * is Ed25519 alone, since an RSA host key brings SHA-1 signatures back. The post-quantum exchange stands in
 * front of `kex`; ssh2 does not have it, so it is not in its list but in `HYBRID`.
 */
const KEX = ['curve25519-sha256', 'curve25519-sha256@libssh.org'] as const;
const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes256-ctr',
  'chacha20-poly1305@openssh.com',
] as const;
const MACS = ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'] as const;

/** Offered first by our servers and by us as a client; older peers fall back to `KEX`. */
export const HYBRID: AddedKex = {
  name: HYBRID_KEX,
  standIn: 'curve25519-sha256',
  hash: 'sha256',
  begin: (isServer) => (isServer ? serverShare() : clientShare()),
};

function serverShare(): KexShare {
  let reply: Buffer | undefined;
  return {
    secret(init) {
      const answer = answerHybrid(init);
      reply = answer.reply;
      return answer.secret;
    },
    share() {
      if (reply === undefined) throw new Error('The share of a server follows from that of the client.');
      return reply;
    },
  };
}

function clientShare(): KexShare {
  const offer = new HybridOffer();
  return { secret: (reply) => offer.secret(reply), share: () => offer.init };
}

/** Signatures that clients may sign in with; what our servers verifies. */
export const USER_SIGNATURES = [
  'ssh-ed25519',
  'sk-ssh-ed25519@openssh.com',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

/** libssh2 before 1.11, which curl of Debian 12 is built with: it has neither AES-GCM nor a MAC of `MACS`. */
const OLD_LIBSSH2 = /^SSH-2\.0-libssh2_1\.(?:\d|10)(?:\D|$)/;

/**
 * MACs that a server offers only to the client with this version line: sound, and the best that this client has, but
 * not what others should be able to choose.
 */
export function extraMacsFor(clientVersion: string): readonly string[] {
  return OLD_LIBSSH2.test(clientVersion) ? ['hmac-sha2-256'] : [];
}

/** What our SSH servers offer. */
export const SERVER_ALGORITHMS: Algorithms = {
  kex: [...KEX],
  cipher: [...CIPHERS],
  hmac: [...MACS],
  compress: ['none'],
  serverHostKey: ['ssh-ed25519'],
};

/** What we offer as a client, to our own servers and to a host's sshd (which may have an RSA or ECDSA host key). */
export const CLIENT_ALGORITHMS: Algorithms = {
  kex: [...KEX, 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'diffie-hellman-group16-sha512'],
  cipher: [...CIPHERS],
  hmac: [...MACS],
  compress: ['none'],
  serverHostKey: [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
  ],
};
