import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DrawbridgeError } from '../../shared/errors.ts';
import { type PinnedIssuer, parsePinnedIssuer } from '../../shared/identity/issuer-document.ts';
import { type PublicJwk, thumbprintOf } from '../../shared/identity/keys.ts';
import type { Logger } from '../../shared/log.ts';
import { parsePublicLine } from '../../shared/ssh/keys.ts';
import { writeWholeFile } from '../../shared/store/whole-file.ts';
import type { PinnedPeer } from '../../shared/tunnel/dial.ts';

/** What an agent has learnt when it joined: whom it trusts, and by which key the bastion signs in. */
export interface AgentEnrolment {
  readonly issuer: PinnedIssuer;
  /** Base of the bastion's address. */
  readonly url: string;
  /** The bastion's SSH client key, one line; the only key that may sign in. */
  readonly sshClientKey: string;
}

const FILE_NAME = 'enrolment.json';

const fileSchema = z.object({
  issuer: z.unknown(),
  url: z.string(),
  fields: z.looseObject({ sshClientKey: z.string() }),
});

/** Stores the enrolment in `dataDir`, mode 0600, whole or not at all. */
export async function saveEnrolment(dataDir: string, enrolment: AgentEnrolment): Promise<void> {
  const { issuer, url, sshClientKey } = enrolment;
  const file = { issuer, url, fields: { sshClientKey } };
  await writeWholeFile(join(dataDir, FILE_NAME), `${JSON.stringify(file, undefined, 2)}\n`);
}

/** Reads the enrolment in `dataDir`. @throws `enrolment.missing`, `enrolment.unreadable`. */
export async function loadEnrolment(dataDir: string): Promise<AgentEnrolment> {
  const path = join(dataDir, FILE_NAME);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new DrawbridgeError(
      'enrolment.missing',
      `This agent has not joined a bastion: ${path} can't be read.`,
      {
        hint: "Run 'drawbridge agent join' with the line that the bastion's page shows, or check 'dataDir'.",
        cause,
      },
    );
  }
  try {
    const file = fileSchema.parse(JSON.parse(text));
    const issuer = parsePinnedIssuer(file.issuer);
    if (issuer === undefined) throw new Error('no issuer');
    parsePublicLine(file.fields.sshClientKey);
    return { issuer, url: file.url, sshClientKey: file.fields.sshClientKey };
  } catch (cause) {
    throw new DrawbridgeError('enrolment.unreadable', `${path} is damaged: it does not say whom to trust.`, {
      hint: 'Restore the file from a backup, or join again with a new token and another folder.',
      cause,
    });
  }
}

/** The bastion as this agent has pinned it, which follows when the bastion gets new keys. */
export class PinnedBastion implements PinnedPeer {
  readonly #dataDir: string;
  readonly #log: Logger;
  #enrolment: AgentEnrolment;

  constructor(dataDir: string, enrolment: AgentEnrolment, log: Logger) {
    this.#dataDir = dataDir;
    this.#enrolment = enrolment;
    this.#log = log;
  }

  get id(): string {
    return this.#enrolment.issuer.id;
  }

  get publicJwk(): PublicJwk {
    return this.#enrolment.issuer.publicJwk;
  }

  /** Fingerprint of the only key that may sign in. */
  get clientKey(): string {
    return parsePublicLine(this.#enrolment.sshClientKey).fingerprint;
  }

  async succeed(to: PublicJwk): Promise<void> {
    const { issuer } = this.#enrolment;
    await this.#pin({ ...this.#enrolment, issuer: { ...issuer, publicJwk: to } });
    this.#log.warn(
      { from: thumbprintOf(issuer.publicJwk), to: thumbprintOf(to) },
      `${issuer.name} has a new key`,
    );
  }

  /** Lets the bastion sign in by this key, and by no other. It was checked to be the bastion's. */
  async pinClientKey(sshClientKey: string): Promise<void> {
    const [from, to] = [this.clientKey, parsePublicLine(sshClientKey).fingerprint];
    if (from === to) return;
    await this.#pin({ ...this.#enrolment, sshClientKey });
    this.#log.warn({ from, to }, `${this.#enrolment.issuer.name} signs in by a new key`);
  }

  async #pin(next: AgentEnrolment): Promise<void> {
    await saveEnrolment(this.#dataDir, next);
    this.#enrolment = next;
  }
}
