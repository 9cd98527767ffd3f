import { readFile, stat } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import type { Clock, Timer } from '../clock.ts';
import { DrawbridgeError, isDrawbridgeError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { certificatesIn, daysLeft, EXPIRY_WARNING_DAYS, leadsToAuthority } from './chain.ts';
import { loadServerTls } from './server-tls.ts';

/** So often the files are looked at. */
export const LOOK_PERIOD_MS = 60_000;
/** So often an end that is near is told again. */
const WARNING_PERIOD_MS = 86_400_000;

/** A certificate with its chain, and its key, in PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
}

/** Where a certificate and its key lie, and the CA of a private one. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  readonly ca?: string;
  /** Whoever wrote the file has made sure of the chain. */
  readonly isWhole?: true;
}

/**
 * The certificate that a role serves. Files that change are taken over while the role runs, for connections that begin
 * then; a change that can't be served with (half done, no key that fits, expired) leaves the certificate as it was.
 */
export class ServedCertificate {
  readonly #sources: readonly TlsFiles[];
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #listeners = new Set<(tls: ServerTls) => void>();
  readonly #timers: Timer[];
  #current: ServerTls;
  #stamp: string;
  #looking: Promise<boolean> | undefined;

  private constructor(
    sources: readonly TlsFiles[],
    first: { tls: ServerTls; stamp: string },
    parts: { readonly clock: Clock; readonly log: Logger },
  ) {
    this.#sources = sources;
    this.#current = first.tls;
    this.#stamp = first.stamp;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#timers = [
      this.#clock.every(LOOK_PERIOD_MS, () => void this.look()),
      this.#clock.every(WARNING_PERIOD_MS, () => this.#warnOfEnd()),
    ];
  }

  /**
   * Reads the first of these places that has a usable certificate.
   * @throws what {@link loadServerTls} throws for the last of them, when none has
   */
  static async open(
    sources: readonly [TlsFiles, ...TlsFiles[]],
    parts: { readonly clock: Clock; readonly log: Logger },
  ): Promise<ServedCertificate> {
    const stamp = await stampOf(sources);
    const { tls, files } = await loadFirst(sources, parts);
    const served = new ServedCertificate(sources, { tls, stamp }, parts);
    served.#warnOfEnd();
    await served.#warnOfGap(files);
    return served;
  }

  get current(): ServerTls {
    return this.#current;
  }

  /** Tells of every new certificate, from now on. */
  onChange(listener: (tls: ServerTls) => void): void {
    this.#listeners.add(listener);
  }

  /** Looks at the files now. True when there was another certificate, which is served from now on. */
  look(): Promise<boolean> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Ends the looking. */
  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#listeners.clear();
    await this.#looking;
  }

  async #lookOnce(): Promise<boolean> {
    const stamp = await stampOf(this.#sources);
    if (stamp === this.#stamp) return false;
    // Also when it can't be used: the same fault is told once, and the next change is tried.
    this.#stamp = stamp;
    let loaded: Awaited<ReturnType<typeof loadFirst>>;
    try {
      loaded = await loadFirst(this.#sources, { clock: this.#clock, log: this.#log });
    } catch (error) {
      const code = error instanceof DrawbridgeError ? error.code : undefined;
      this.#log.error({ code }, `the TLS certificate stays as it was: ${messageOf(error)}`);
      return false;
    }
    const { tls, files } = loaded;
    if (tls.cert === this.#current.cert && tls.key === this.#current.key) return false;
    this.#current = tls;
    const [own] = certificatesIn(tls.cert);
    this.#log.info({ validTo: own?.validTo, subject: own?.subject }, 'a new TLS certificate is served');
    for (const listener of this.#listeners) listener(tls);
    this.#warnOfEnd();
    await this.#warnOfGap(files);
    return true;
  }

  #warnOfEnd(): void {
    const [own] = certificatesIn(this.#current.cert);
    if (own === undefined) return;
    const days = daysLeft(own, this.#clock.nowMs());
    if (days >= EXPIRY_WARNING_DAYS) return;
    this.#log.warn({ validTo: own.validTo, days }, `the TLS certificate ends in ${days} days: renew it`);
  }

  async #warnOfGap(files: TlsFiles): Promise<void> {
    if (files.isWhole === true) return;
    const authorities = await authoritiesOf(files);
    if (leadsToAuthority(certificatesIn(this.#current.cert), authorities)) return;
    this.#log.warn(
      { certificate: files.certificate },
      'the TLS certificate leads to no authority that is known here: append the intermediate certificates of its CA to the file, or name a CA of your own under tls.ca',
    );
  }
}

async function authoritiesOf(files: TlsFiles): Promise<ReturnType<typeof certificatesIn>> {
  if (files.ca === undefined) return rootCertificates.flatMap((pem) => certificatesIn(pem));
  try {
    return certificatesIn(await readFile(files.ca, 'utf8'));
  } catch {
    // Whoever hands the CA out says what is wrong with it.
    return [];
  }
}

async function loadFirst(
  sources: readonly TlsFiles[],
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<{ tls: ServerTls; files: TlsFiles }> {
  for (const [index, files] of sources.entries()) {
    try {
      return { tls: await loadServerTls(files, clock.nowMs()), files };
    } catch (error) {
      if (index === sources.length - 1) throw error;
      if (isDrawbridgeError(error, 'tls.missing')) continue;
      log.error({ err: error }, `${messageOf(error)} The next certificate is taken instead.`);
    }
  }
  throw new DrawbridgeError('tls.missing', 'There is no TLS certificate.');
}

/** Changes whenever one of the files is replaced or written to. */
async function stampOf(sources: readonly TlsFiles[]): Promise<string> {
  const paths = sources.flatMap(({ certificate, key }) => [certificate, key]);
  const marks = await Promise.all(
    paths.map(async (path) => {
      try {
        const { mtimeMs, size, ino } = await stat(path);
        return `${mtimeMs}/${size}/${ino}`;
      } catch {
        return 'none';
      }
    }),
  );
  return marks.join(' ');
}
