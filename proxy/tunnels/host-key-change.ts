import { z } from 'zod';
import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { messageOf } from '../../shared/errors.ts';
import { verifySshKey } from '../../shared/identity/ssh-key-statement.ts';
import type { Logger } from '../../shared/log.ts';
import { parsePublicLine } from '../../shared/ssh/keys.ts';
import type { IncomingStream } from '../../shared/tunnel/tunnel.ts';
import type { EnrolmentStore } from '../store/store.ts';

/** Kind of the stream by which a bastion says which SSH host key it has. */
export const HOST_KEY_KIND = 'host-key';

const requestSchema = z.looseObject({ statement: z.string().max(16_384) });

interface HostKeyChangeParts {
  readonly enrolments: Pick<EnrolmentStore, 'findBastion' | 'pinHostKey'>;
  readonly audit: AuditSink;
  /** Id of this proxy. */
  readonly audience: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Follows a bastion whose SSH host key was renewed: the next login of each operator brings the new one. */
export class HostKeyChanges {
  readonly #parts: HostKeyChangeParts;

  constructor(parts: HostKeyChangeParts) {
    this.#parts = parts;
  }

  /** Answers one stream. What is said counts only with the bastion's signature. */
  async handle(incoming: IncomingStream, bastionId: string): Promise<void> {
    const { enrolments, audit, audience, clock, log } = this.#parts;
    try {
      const bastion = await enrolments.findBastion(bastionId);
      const request = requestSchema.safeParse(incoming.request);
      if (bastion === undefined || !request.success) {
        incoming.refuse('stream.malformed', 'The statement of the host key was not well formed.');
        return;
      }
      const { statement } = request.data;
      const key = await verifySshKey(statement, { issuer: bastion, audience, use: 'host', clock });
      const [from, to] = [parsePublicLine(bastion.sshHostKey).fingerprint, parsePublicLine(key).fingerprint];
      if (from !== to) {
        await audit.append({
          type: 'bastion.host_key_rotated',
          actor: `bastion:${bastion.name}`,
          bastion: bastion.name,
          bastionId,
          from,
          to,
        });
        await enrolments.pinHostKey(bastionId, key);
        log.warn({ bastion: bastion.name, from, to }, 'a bastion has a new SSH host key');
      }
      if (incoming.signal.aborted) return;
      const stream = incoming.accept();
      stream.on('error', () => undefined);
      stream.resume();
      stream.end();
    } catch (error) {
      log.error({ err: error, bastion: bastionId }, `a host key was not taken: ${messageOf(error)}`);
      incoming.refuse('identity.refused', 'The statement of the host key was not taken.');
    }
  }
}
