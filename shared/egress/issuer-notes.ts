import { TLSSocket } from 'node:tls';

/**
 * Notes who issued a certificate that is then refused: Node's error does not say it, and it is what tells an
 * administrator which inspecting middlebox stands in the way.
 */
export class IssuerNotes {
  readonly #issuers = new WeakMap<Error, string>();

  /** Watches one connection that is being set up. Anything but a TLS socket is let be. */
  watch(socket: unknown): void {
    if (!(socket instanceof TLSSocket)) return;
    let issuer: string | undefined;
    // Emitted when the handshake is done and before Node judges the certificate; after that it can't be asked for.
    socket.prependOnceListener('secure', () => {
      // An empty object when the peer sent none.
      const { CN, O } = socket.getPeerCertificate().issuer ?? {};
      issuer = [CN, O].flat().find((name) => name !== undefined);
    });
    socket.prependOnceListener('error', (error: Error) => {
      if (issuer !== undefined) this.#issuers.set(error, issuer);
    });
  }

  /** The issuer of the certificate that `error` is about, if it was seen. */
  issuerOf(error: Error): string | undefined {
    return this.#issuers.get(error);
  }
}
