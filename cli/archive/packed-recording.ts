import { MEMBER_HEADER_BYTES, readMemberHeader, unpackMember } from '../../recordings/gzip-members.ts';
import { DrawbridgeError } from '../../shared/errors.ts';

/** Members that are unpacked ahead: each holds 1 MiB at most. */
const MEMBERS_AHEAD = 4;

/**
 * The content of a compressed recording as it streams by, member by member. Only what Drawbridge writes is taken: so
 * nothing can stand between or behind the members, and none holds more than it says, which has a limit. After a fault
 * the rest still passes, since what stands behind it in the archive is to be read too.
 * @param endBytes Once there is more content, the rest is not unpacked: a small file could otherwise cost hours.
 * @throws `recording.malformed`, at the end
 */
export async function* unpackedRecording(
  packed: AsyncIterable<Buffer>,
  endBytes: number,
): AsyncGenerator<Buffer> {
  const members = new Members();
  const ahead: Promise<Buffer>[] = [];
  let unpackedBytes = 0;
  let fault: { readonly error: unknown } | undefined;
  for await (const piece of packed) {
    if (fault !== undefined || unpackedBytes > endBytes) continue;
    try {
      for (const { member, contentBytes } of members.take(piece)) {
        unpackedBytes += contentBytes;
        const unpacking = unpackMember(member, contentBytes);
        // One that fails is noticed when its turn comes, or never, when one before it has failed.
        unpacking.catch(() => undefined);
        ahead.push(unpacking);
        const next = ahead.length < MEMBERS_AHEAD ? undefined : ahead.shift();
        if (next !== undefined) yield await next;
        if (unpackedBytes > endBytes) break;
      }
    } catch (error) {
      fault = { error };
    }
  }
  if (fault !== undefined) throw fault.error;
  for (const unpacking of ahead) yield await unpacking;
  if (unpackedBytes <= endBytes) members.end();
}

/** Cuts a stream into members by the sizes that they state. */
class Members {
  #bytes: readonly Buffer[] = [];
  #length = 0;
  #wanted = MEMBER_HEADER_BYTES;

  /** @throws `recording.malformed` */
  *take(piece: Buffer): Generator<{ readonly member: Buffer; readonly contentBytes: number }> {
    this.#bytes = [...this.#bytes, piece];
    this.#length += piece.length;
    while (this.#length >= this.#wanted) {
      const bytes = Buffer.concat(this.#bytes);
      const { sizeBytes, contentBytes } = readMemberHeader(bytes.subarray(0, MEMBER_HEADER_BYTES));
      if (bytes.length < sizeBytes) {
        this.#bytes = [bytes];
        this.#wanted = sizeBytes;
        return;
      }
      const rest = bytes.subarray(sizeBytes);
      this.#bytes = [rest];
      this.#length = rest.length;
      this.#wanted = MEMBER_HEADER_BYTES;
      yield { member: bytes.subarray(0, sizeBytes), contentBytes };
    }
  }

  /** @throws `recording.malformed` when a member is cut */
  end(): void {
    if (this.#length === 0) return;
    throw new DrawbridgeError('recording.malformed', 'The compressed recording ends within a member.');
  }
}
