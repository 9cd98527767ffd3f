import { connect } from 'node:net';
import { DrawbridgeError, messageOf } from '../shared/errors.ts';
import { WireReader, WireWriter } from '../shared/ssh/wire.ts';

/** Message numbers of the agent protocol (draft-ietf-sshm-ssh-agent, section 6.1). */
const SUCCESS = 6;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const REMOVE_IDENTITY = 18;
const ADD_ID_CONSTRAINED = 25;
const CONSTRAIN_LIFETIME = 1;

const KEY_TYPE = 'ssh-ed25519';
const SEED_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** Some agents ask the person before they sign. */
const ANSWER_TIMEOUT_MS = 60_000;
const ANSWER_LIMIT_BYTES = 256 * 1024;

/** An Ed25519 key as an agent takes it. */
export interface AgentKey {
  readonly seed: Buffer;
  /** 32 bytes. */
  readonly publicBytes: Buffer;
  readonly comment: string;
}

/** The ssh-agent at `SSH_AUTH_SOCK`. */
export class SshAgent {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** Hands a key over; the agent forgets it after `lifetimeS` seconds. @throws `agent.*` */
  async add(key: AgentKey, lifetimeS: number): Promise<void> {
    const message = new WireWriter()
      .byte(ADD_ID_CONSTRAINED)
      .string(KEY_TYPE)
      .string(key.publicBytes)
      .string(Buffer.concat([key.seed, key.publicBytes]))
      .string(key.comment)
      .byte(CONSTRAIN_LIFETIME)
      .uint32(lifetimeS);
    const answer = await this.#ask(message.finish());
    if (answer[0] === SUCCESS) return;
    throw refused('The ssh-agent did not take the key.');
  }

  /** Signs with the key whose public half is `publicBytes`. @throws `agent.*` */
  async sign(publicBytes: Buffer, data: Buffer): Promise<Buffer> {
    const message = new WireWriter().byte(SIGN_REQUEST).string(blobOf(publicBytes)).string(data).uint32(0);
    const answer = await this.#ask(message.finish());
    if (answer[0] !== SIGN_RESPONSE) {
      throw new DrawbridgeError(
        'login.expired',
        'The ssh-agent does not hold the key of your login any more.',
        {
          hint: 'Sign in again with `drawbridge login --agent`.',
        },
      );
    }
    const signature = new WireReader(new WireReader(answer, 1).string());
    const type = signature.text();
    const bytes = signature.string();
    if (type !== KEY_TYPE || bytes.length !== SIGNATURE_BYTES)
      throw refused('The ssh-agent signed in an unknown form.');
    return Buffer.from(bytes);
  }

  /** Takes the key out of the agent; that it is gone already is fine. @throws `agent.*` */
  async remove(publicBytes: Buffer): Promise<void> {
    await this.#ask(new WireWriter().byte(REMOVE_IDENTITY).string(blobOf(publicBytes)).finish());
  }

  /** One request and its answer, on a connection of its own. */
  #ask(message: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#socketPath);
      const chunks: Buffer[] = [];
      let size = 0;
      const fail = (sentence: string, cause?: unknown): void => {
        socket.destroy();
        reject(refused(sentence, cause));
      };
      socket.setTimeout(ANSWER_TIMEOUT_MS, () => fail('The ssh-agent did not answer.'));
      socket.once('error', (error) => fail(`The ssh-agent can't be reached: ${messageOf(error)}.`, error));
      socket.once('end', () => fail('The ssh-agent closed the connection.'));
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        const answer = Buffer.concat(chunks, size);
        const expected = size >= 4 ? answer.readUInt32BE(0) : 0;
        if (expected > ANSWER_LIMIT_BYTES) return fail('The ssh-agent sent too much.');
        if (expected === 0 || size < 4 + expected) return;
        socket.destroy();
        resolve(answer.subarray(4, 4 + expected));
      });
      socket.write(new WireWriter().string(message).finish());
    });
  }
}

/** The agent of this environment. @throws `agent.none` */
export function agentOf(env: NodeJS.ProcessEnv): SshAgent {
  const path = env['SSH_AUTH_SOCK'];
  if (path !== undefined && path !== '') return new SshAgent(path);
  throw new DrawbridgeError('agent.none', 'There is no ssh-agent: SSH_AUTH_SOCK is not set.', {
    hint: 'Start one with `eval "$(ssh-agent)"`, or log in without --agent.',
  });
}

function blobOf(publicBytes: Buffer): Buffer {
  if (publicBytes.length !== SEED_BYTES) throw refused('This is no Ed25519 key.');
  return new WireWriter().string(KEY_TYPE).string(publicBytes).finish();
}

function refused(sentence: string, cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('agent.failed', sentence, {
    hint: 'See `ssh-add -l`; or log in without --agent.',
    ...(cause === undefined ? {} : { cause }),
  });
}
