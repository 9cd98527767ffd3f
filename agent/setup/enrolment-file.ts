import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DrawbridgeError } from '../../shared/errors.ts';
import { type PinnedIssuer, parsePinnedIssuer } from '../../shared/identity/issuer-document.ts';
import { thumbprintOf } from '../../shared/identity/keys.ts';
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

/** The bastion as this agent has pinned it, which follows when the bastion gets a new key. */
export function pinnedBastion(dataDir: string, enrolment: AgentEnrolment, log: Logger): PinnedPeer {
  let { issuer } = enrolment;
  return {
    id: issuer.id,
    get publicJwk() {
      return issuer.publicJwk;
    },
    async succeed(to) {
      const next = { ...issuer, publicJwk: to };
      await saveEnrolment(dataDir, { ...enrolment, issuer: next });
      log.warn(
        { from: thumbprintOf(issuer.publicJwk), to: thumbprintOf(to) },
        `${issuer.name} has a new key`,
      );
      issuer = next;
    },
  };
}
