import { DrawbridgeError, isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { SshChannel } from '../../shared/ssh/channel.ts';
import { bridgeChannels, type ChannelBridge, type ChannelExit } from '../../shared/ssh/channel-bridge.ts';
import { type ChannelRequest, isSessionStart, type SessionStart } from '../../shared/ssh/channel-request.ts';
import type { ApprovalNeed } from '../policy/approval.ts';
import { waitForApproval } from './approval-wait.ts';
import { enterChannelEnd, enterChannelStart } from './channel-entries.ts';
import { ChannelEvidence, FILES_UNCLEAR } from './channel-evidence.ts';
import { type ChannelPlan, planChannel } from './channel-plan.ts';
import { ChannelSetup } from './channel-setup.ts';
import { recordedLine } from './notices.ts';
import type { SessionContext } from './session-context.ts';
import { TRANSFER_REFUSED, transferRefusal } from './transfer-limits.ts';

/** Exit status of a channel that the bastion refused or cut: no program of the host has ended with it. */
export const REFUSED_EXIT_CODE = 254;

/** How far a channel has come. */
type ChannelState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly bridge: ChannelBridge; readonly evidence: ChannelEvidence }
  | { readonly kind: 'over' };

/** One session channel of an operator: `ssh HOST`, `ssh HOST command`, `sftp HOST`. */
export class SessionChannel {
  readonly #context: SessionContext;
  readonly #operator: SshChannel;
  readonly #number: number;
  readonly #setup: ChannelSetup;
  #state: ChannelState = { kind: 'waiting' };
  /** Resolves when the channel is over and its evidence is closed. Never rejects. */
  readonly finished: Promise<void>;
  #settle: () => void = () => undefined;

  constructor(context: SessionContext, operator: SshChannel) {
    this.#context = context;
    this.#operator = operator;
    this.#number = context.session.nextChannel();
    this.#setup = new ChannelSetup(context, this.#number);
    this.finished = new Promise((resolve) => {
      this.#settle = resolve;
    });
    operator.attach({
      onData: (chunk) => operator.consumed(chunk.length),
      onRequest: (request) => this.#request(request),
      onClosed: () => {
        // One that is being started settles when that has failed and its evidence is closed.
        if (this.#state.kind === 'waiting') this.#settle();
        this.#state = { kind: 'over' };
      },
    });
  }

  /** The session is about to end: from now on nothing passes. */
  silence(): void {
    if (this.#state.kind === 'running') this.#state.bridge.silence();
  }

  /** The session ends: tells the operator why, if they can hear it, and cuts both sides. */
  cut(message: string): void {
    if (this.#state.kind !== 'running') {
      this.#operator.destroy();
      return;
    }
    this.#state.evidence.mark(message);
    this.#state.bridge.abort(message, REFUSED_EXIT_CODE);
  }

  #request(request: ChannelRequest): boolean | Promise<boolean> {
    if (this.#state.kind !== 'waiting') return false;
    return isSessionStart(request) ? this.#start(request) : this.#setup.request(request);
  }

  /** Decides, enters, records, and only then lets the host act. */
  async #start(start: SessionStart): Promise<boolean> {
    this.#state = { kind: 'starting' };
    const plan = planChannel(start, this.#setup.pty !== undefined);
    const need = plan === undefined ? undefined : this.#context.approvalNeed(plan.action);
    if (plan !== undefined && need !== undefined) {
      // Answered before the wait: some clients take no key and show no line before they have their answer.
      void this.#startWhenApproved(start, plan, need);
      return true;
    }
    await this.#startNow(start, plan);
    return true;
  }

  async #startNow(start: SessionStart, plan: ChannelPlan | undefined): Promise<void> {
    try {
      const refusal = this.#refusalOf(plan, start);
      if (plan === undefined || refusal !== undefined) {
        await this.#refuse(start, refusal ?? 'it is not known');
        this.#settle();
        return;
      }
      await this.#run(start, plan);
    } catch (error) {
      this.#failed(error);
    }
  }

  async #startWhenApproved(start: SessionStart, plan: ChannelPlan, need: ApprovalNeed): Promise<void> {
    try {
      await waitForApproval(this.#context, need, {
        action: plan.command === undefined ? plan.kind : `${plan.kind} ${plan.command}`.slice(0, 200),
        reason: this.#setup.reason,
        signal: this.#operator.signal,
        place: {
          channel: this.#operator,
          hasTerminal: this.#setup.pty !== undefined,
          listen: (onData) => this.#listenWhileWaiting(onData),
        },
      });
    } catch (error) {
      this.#failed(error);
      return;
    }
    // Asked again: policy, host and grants may have changed by now.
    await this.#startNow(start, plan);
  }

  #failed(error: unknown): void {
    this.#say(isDrawbridgeError(error) ? sentenceOf(error) : 'The channel could not be opened.');
    if (!isDrawbridgeError(error))
      this.#context.services.log.error({ err: error }, 'a channel could not be opened');
    this.#settle();
  }

  #listenWhileWaiting(onData: ((chunk: Buffer) => void) | undefined): void {
    if (this.#state.kind !== 'starting') return;
    this.#operator.attach({
      ...(onData === undefined ? {} : { onData }),
      onRequest: (request) => this.#setup.resize(request),
      onClosed: () => {
        this.#state = { kind: 'over' };
      },
    });
  }

  #refusalOf(plan: ChannelPlan | undefined, start: SessionStart): string | undefined {
    if (plan === undefined) {
      const name =
        start.kind === 'subsystem' ? start.name.replace(/[^\x20-\x7e]/g, '?').slice(0, 100) : start.kind;
      return `the subsystem ${name} is not known to ${this.#context.services.bastionName}`;
    }
    const decision = this.#context.decide(plan.action);
    return decision.allow ? transferRefusal(plan.transfer, decision.limits.transfers) : decision.reason;
  }

  async #refuse(start: SessionStart, reason: string): Promise<void> {
    await this.#context.recordRefusal('channel.refused', { channel: this.#number, kind: start.kind, reason });
    this.#say(`${this.#context.services.bastionName} refused: ${reason}.`);
  }

  async #run(start: SessionStart, plan: ChannelPlan): Promise<void> {
    const context = this.#context;
    const session = context.session;
    const evidence = new ChannelEvidence({
      context,
      number: this.#number,
      plan,
      pty: this.#setup.pty,
      environment: this.#setup.environment,
      onRelease: (chunk) => {
        if (this.#state.kind === 'running') this.#state.bridge.release(chunk);
      },
    });
    const recorder = evidence.recorder;
    session.channelOpened({
      number: this.#number,
      action: plan.action,
      ...(recorder === undefined ? {} : { recording: recorder }),
    });
    let exit: ChannelExit | undefined;
    let problem: string | undefined;
    let started = false;
    const end = async (): Promise<void> => {
      this.#state = { kind: 'over' };
      await enterChannelEnd(context, this.#number, plan, { evidence, how: { exit, problem, started } });
      this.#settle();
    };
    try {
      // The host's channel is opened meanwhile; nothing is asked of it before the event is stored.
      context.allowHostSignIn();
      const opening = context.link.openSession(session.signal);
      opening.catch(() => undefined);
      const entered = enterChannelStart(context, this.#number, plan, {
        setup: this.#setup,
        keepsInput: evidence.keepsInput,
      });
      await Promise.all([entered, evidence.announce()]);
      started = true;
      const host = await opening;
      if (session.phase.kind !== 'live' || this.#operator.signal.aborted) {
        host.destroy();
        throw new DrawbridgeError('session.closed', 'The session has ended.');
      }
      // Before the shell's own first output, and recorded like everything that is seen there. The output of a command
      // is the command's alone, also in a terminal: programs read it (Ansible with a pty does).
      if (this.#setup.pty !== undefined && plan.kind === 'shell') {
        const line = evidence.notice(recordedLine(context));
        this.#operator.whenDecided(() => this.#operator.write(line));
      }
      const answer = await this.#setup.startOn(host, start);
      if (answer === 'no_terminal') this.#say(`The host ${session.identity.host} gave no terminal.`);
      if (answer !== 'started') {
        host.destroy();
        throw new DrawbridgeError('host.refused', `The host ${session.identity.host} refused to start it.`);
      }
      const bridge = bridgeChannels(this.#operator, host, {
        onOutput: (chunk, stream) => evidence.output(chunk, stream),
        onInput: (chunk) => evidence.input(chunk),
        inputHeld: () => evidence.inputHeld,
        onOutputEnd: () => void this.#operator.write(evidence.outputEnd()),
        onRequest: (request) => this.#whileRunning(request, evidence),
        onExit: (status) => {
          exit = status;
          evidence.recorder?.exit(
            status.kind === 'exit-status' ? { code: status.code } : { signal: status.name },
          );
        },
        onFault: (error) => {
          problem = messageOf(error);
          // What a channel does that can't be followed ends that channel; evidence that can't be written, the session.
          const endsOnlyThis =
            isDrawbridgeError(error, FILES_UNCLEAR) || isDrawbridgeError(error, TRANSFER_REFUSED);
          return endsOnlyThis ? undefined : context.endForEvidence(error);
        },
      });
      this.#state = { kind: 'running', bridge, evidence };
      // Only where a person looks on: the output of a command is the command's alone.
      const stopNotices =
        this.#setup.pty === undefined || plan.kind !== 'shell'
          ? () => undefined
          : session.onNotice((sentence) => this.#notice(sentence, bridge, evidence));
      bridge.ended
        .then(({ aborted }) => {
          stopNotices();
          problem ??= aborted;
        })
        .then(end)
        .catch((error: unknown) => context.endForEvidence(error));
    } catch (error) {
      problem = messageOf(error);
      await end();
      throw error;
    }
  }

  #notice(sentence: string, bridge: ChannelBridge, evidence: ChannelEvidence): void {
    try {
      bridge.release(evidence.notice(`\r\ndrawbridge: ${sentence}\r\n`));
    } catch (error) {
      this.#context.endForEvidence(error);
    }
  }

  #whileRunning(request: ChannelRequest, evidence: ChannelEvidence): boolean {
    switch (request.kind) {
      case 'window-change':
        evidence.recorder?.resize(request.cols, request.rows);
        return true;
      case 'signal':
      case 'break':
      case 'end-of-write':
        return true;
      default:
        return false;
    }
  }

  /**
   * A sentence to an operator whose channel runs nothing, and its end. Behind the answer to their request: some clients
   * wait for that, and would go on waiting on a channel that is closed.
   */
  #say(sentence: string): void {
    this.#state = { kind: 'over' };
    this.#operator.whenDecided(() => {
      if (this.#operator.signal.aborted) return;
      this.#operator.write(Buffer.from(`drawbridge: ${sentence}\r\n`), 'stderr');
      this.#operator.exit({ kind: 'exit-status', code: REFUSED_EXIT_CODE });
      this.#operator.close();
    });
  }
}

/** What went wrong, and what the operator may look at. */
function sentenceOf({ message, hint }: DrawbridgeError): string {
  return hint === undefined ? message : `${message} ${hint}`;
}
