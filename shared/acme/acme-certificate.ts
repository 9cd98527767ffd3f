import { X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Timer } from '../clock.ts';
import type { Egress } from '../egress/egress.ts';
import { egressFetch } from '../egress/egress-fetch.ts';
import { DrawbridgeError, messageOf } from '../errors.ts';
import { AcmeKey } from '../identity/acme-key.ts';
import type { Logger } from '../log.ts';
import { writeWholeFile } from '../store/whole-file.ts';
import { AcmeServer } from './acme-server.ts';
import { listenForChallenges } from './challenge-listener.ts';
import type { AcmeSettings } from './config.ts';
import { obtainCertificate } from './obtain-certificate.ts';

/** So often the certificate is looked at. */
const REVIEW_MS = 12 * 3_600_000;
/** After a failure it is tried again so soon, then after twice as long, up to the ordinary period. */
const RETRY_MS = 15 * 60_000;
/** So much of its life must be left, or it is renewed: 30 days of Let's Encrypt's 90. */
const RENEW_AT_SHARE = 1 / 3;
const REQUEST_TIMEOUT_MS = 30_000;
const ANSWER_LIMIT_BYTES = 256 * 1024;

/** What an {@link AcmeCertificate} works with. */
export interface AcmeCertificateParts {
  readonly dataDir: string;
  readonly settings: AcmeSettings;
  /** Names of the certificate. */
  readonly names: readonly string[];
  readonly egress: () => Egress;
  /** There is a new certificate in {@link AcmeCertificate.path}. */
  readonly onObtained: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Gets a certificate by ACME, and another in time before it ends. */
export class AcmeCertificate {
  /** Certificate, chain and key in one file, so that they are replaced in one step. It may not be there yet. */
  readonly path: string;
  readonly #parts: AcmeCertificateParts;
  readonly #folder: string;
  readonly #closing = new AbortController();
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: AcmeCertificateParts) {
    this.#parts = parts;
    this.#folder = join(parts.dataDir, 'acme');
    this.path = acmeFile(parts.dataDir);
  }

  /** Begins to look after it. Failures are told in the log and tried again. */
  start(): void {
    this.#review(RETRY_MS);
  }

  /** Waits for what is under way to be given up. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#timer?.cancel();
    await this.#running;
  }

  #review(retryMs: number): void {
    this.#running = this.#renewIfDue()
      .then(
        () => ({ delayMs: REVIEW_MS, retryMs: RETRY_MS }),
        (error: unknown) => {
          if (this.#closing.signal.aborted) return undefined;
          const { names } = this.#parts;
          const hint = error instanceof DrawbridgeError ? error.hint : undefined;
          this.#parts.log.error(
            { err: error, names, ...(hint === undefined ? {} : { hint }) },
            `no certificate by ACME: ${messageOf(error)}`,
          );
          return { delayMs: retryMs, retryMs: Math.min(retryMs * 2, REVIEW_MS) };
        },
      )
      .then((next) => {
        if (next === undefined || this.#closing.signal.aborted) return;
        this.#timer = this.#parts.clock.after(next.delayMs, () => this.#review(next.retryMs));
      });
  }

  async #renewIfDue(): Promise<void> {
    const { names, clock, log, onObtained } = this.#parts;
    const current = await readCertificate(this.path);
    if (current !== undefined && isGood(current, names, clock.nowMs())) return;
    const { cert, key } = await this.#obtain();
    const obtained = new X509Certificate(cert);
    await writeWholeFile(this.path, `${cert.trim()}\n${key}`);
    log.info({ names, validTo: obtained.validTo }, 'got a certificate by ACME');
    await onObtained();
  }

  async #obtain(): Promise<{ cert: string; key: string }> {
    const { settings, names, egress } = this.#parts;
    const { signal } = this.#closing;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const key = await AcmeKey.open(join(this.#folder, 'account-key.pem'));
    const server = new AcmeServer({
      directoryUrl: settings.directory,
      fetch: egressFetch(egress(), { timeoutMs: REQUEST_TIMEOUT_MS, limitBytes: ANSWER_LIMIT_BYTES }),
      key,
      signal,
    });
    const challenges = await listenForChallenges(settings.host, settings.port);
    try {
      return await obtainCertificate({ server, key, names, email: settings.email, challenges, signal });
    } finally {
      await challenges.close();
    }
  }
}

/** Where the certificate by ACME lies, in a role's data directory. */
export function acmeFile(dataDir: string): string {
  return join(dataDir, 'acme', 'certificate.pem');
}

async function readCertificate(path: string): Promise<X509Certificate | undefined> {
  try {
    return new X509Certificate(await readFile(path, 'utf8'));
  } catch {
    // Missing or damaged: another is got.
    return undefined;
  }
}

function isGood(certificate: X509Certificate, names: readonly string[], nowMs: number): boolean {
  if (names.some((name) => certificate.checkHost(name) === undefined)) return false;
  const endMs = Date.parse(certificate.validTo);
  const lifeMs = endMs - Date.parse(certificate.validFrom);
  return endMs - nowMs > lifeMs * RENEW_AT_SHARE;
}
