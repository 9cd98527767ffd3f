import type { SshChannel } from '../../shared/ssh/channel.ts';
import type { ChannelRequest, SessionStart } from '../../shared/ssh/channel-request.ts';
import { ChannelEnvironment } from './environment.ts';
import type { SessionContext } from './session-context.ts';

type PtyRequest = Extract<ChannelRequest, { kind: 'pty' }>;

/** What a session channel is to have before something is started in it: terminal, environment, the operator's agent. */
export class ChannelSetup {
  readonly #context: SessionContext;
  readonly #number: number;
  readonly #environment = new ChannelEnvironment();
  #pty: PtyRequest | undefined;
  #agentForwarding = false;

  constructor(context: SessionContext, number: number) {
    this.#context = context;
    this.#number = number;
  }

  /** The terminal, when one is asked for. */
  get pty(): PtyRequest | undefined {
    return this.#pty;
  }

  /** Whether the policy has let the channel have the operator's agent. */
  get agentForwarding(): boolean {
    return this.#agentForwarding;
  }

  /** Why the operator comes, when they have said so. */
  get reason(): string | undefined {
    return this.#environment.reason;
  }

  /** The environment, for the recording's header. */
  get environment(): Readonly<Record<string, string>> {
    return this.#environment.record;
  }

  /** Decides about a request that comes before the start. @throws `audit.unavailable` */
  request(request: ChannelRequest): boolean | Promise<boolean> {
    switch (request.kind) {
      case 'pty':
        this.#pty = request;
        return true;
      case 'env':
        return this.#environment.set(request);
      case 'agent-forward':
        return this.#decideAgent();
      case 'x11':
        return this.#refuseExtra(request.kind, 'it is never allowed');
      default:
        return false;
    }
  }

  /** Takes a new size of the terminal; false when the request is not one, or there is no terminal. */
  resize(request: ChannelRequest): boolean {
    if (request.kind !== 'window-change' || this.#pty === undefined) return false;
    const { cols, rows, widthPx, heightPx } = request;
    this.#pty = { ...this.#pty, cols, rows, widthPx, heightPx };
    return true;
  }

  /** Terminal and environment go ahead without waiting; only the start itself is waited for. */
  async startOn(host: SshChannel, start: SessionStart): Promise<'started' | 'no_terminal' | 'refused'> {
    const pty = this.#pty;
    const terminal = pty === undefined ? undefined : host.request(pty);
    if (this.#agentForwarding) {
      this.#context.agentForwarding = true;
      host.notify({ kind: 'agent-forward' });
    }
    this.#environment.sendTo(host, this.#context.session.identity);
    const started = host.request(start);
    if (terminal !== undefined && !(await terminal)) return 'no_terminal';
    return (await started) ? 'started' : 'refused';
  }

  async #decideAgent(): Promise<boolean> {
    const decision = this.#context.decide({ kind: 'agent_forwarding' });
    if (!decision.allow) return this.#refuseExtra('agent-forward', decision.reason);
    this.#agentForwarding = true;
    return true;
  }

  async #refuseExtra(kind: 'agent-forward' | 'x11', reason: string): Promise<boolean> {
    await this.#context.recordRefusal('channel.refused', { channel: this.#number, kind, reason });
    return false;
  }
}
