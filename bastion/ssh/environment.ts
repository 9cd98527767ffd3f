import type { SshChannel } from '../../shared/ssh/channel.ts';
import type { ChannelRequest } from '../../shared/ssh/channel-request.ts';

/** Variables of one channel that are kept, and the longest value. */
const VARIABLES_MAX = 64;
const VALUE_LIMIT_BYTES = 4096;

/** Names that an operator's client may set on the host. Others could change what programs there do. */
const ALLOWED_NAME = /^(?:LANG|LANGUAGE|LC_[A-Z0-9_]{1,32}|TERM|COLORTERM|NO_COLOR|TZ)$/;

/** Tells programs on the host who is at work; set by the bastion, never by the operator. */
const OPERATOR_VARIABLE = 'DRAWBRIDGE_OPERATOR';
const SOURCE_VARIABLE = 'DRAWBRIDGE_SOURCE';

/** By this an operator says why they come; it goes to the customer and not to the host. */
export const REASON_VARIABLE = 'DRAWBRIDGE_REASON';

type EnvRequest = Extract<ChannelRequest, { kind: 'env' }>;

/** The environment that a channel asks for before it starts. */
export class ChannelEnvironment {
  readonly #variables = new Map<string, EnvRequest>();
  #reason: string | undefined;

  /** Why the operator comes, when they have said so. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Keeps a variable; false when it is not one that may be set. */
  set(request: EnvRequest): boolean {
    if (request.name === REASON_VARIABLE && request.value.length <= VALUE_LIMIT_BYTES) {
      this.#reason = request.value.toString('utf8');
      return true;
    }
    if (!ALLOWED_NAME.test(request.name) || request.value.length > VALUE_LIMIT_BYTES) return false;
    if (!this.#variables.has(request.name) && this.#variables.size >= VARIABLES_MAX) return false;
    this.#variables.set(request.name, request);
    return true;
  }

  /** Sends all to the host, and with them who the operator is and where they come from. Hosts may ignore what they like. */
  sendTo(channel: SshChannel, from: { readonly operator: string; readonly source?: string }): void {
    for (const request of this.#variables.values()) channel.notify(request);
    channel.notify({ kind: 'env', name: OPERATOR_VARIABLE, value: Buffer.from(from.operator) });
    if (from.source !== undefined)
      channel.notify({ kind: 'env', name: SOURCE_VARIABLE, value: Buffer.from(from.source) });
  }

  /** For the recording's header. */
  get record(): Readonly<Record<string, string>> {
    const entries = [...this.#variables.values()].map(
      ({ name, value }) => [name, value.toString('utf8')] as const,
    );
    return Object.fromEntries(entries);
  }
}
