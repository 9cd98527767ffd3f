import { messageOf } from '../errors.ts';
import type { ChannelHandlers, SshChannel } from './channel.ts';
import { type ChannelRequest, isSessionStart } from './channel-request.ts';
import type { DataStream } from './ordered-queue.ts';

/** How a channel of the host ended. */
export type ChannelExit = Extract<ChannelRequest, { kind: 'exit-status' | 'exit-signal' }>;

/** What stands between the two sides and sees everything first. What a hook throws ends the bridge. */
export interface BridgeHooks {
  /**
   * Output of the host. Returns what may be released to the operator now: usually the chunk itself, less when a
   * part is held back (see {@link ChannelBridge.release}), null for nothing.
   */
  onOutput?(chunk: Buffer, stream: DataStream): Buffer | null;
  /** Input of the operator, before the host gets it. */
  onInput?(chunk: Buffer): void;
  /**
   * True while the operator should get no room for more input. Asked after `onInput`, and again after each
   * `onOutput`, which is what lets go of it.
   */
  inputHeld?(): boolean;
  /** The operator has closed its half (the host reads EOF). */
  onInputEnd?(): void;
  /** No more output of the host will come: the last moment to `release` what was held back. Called once. */
  onOutputEnd?(): void;
  /**
   * A request of the operator that came after the channel had started (`window-change`, `signal`, `break`, …).
   * False refuses it. Not given: passed on; a second start is always refused.
   */
  onRequest?(request: ChannelRequest): boolean | Promise<boolean>;
  /** The host said how it ended; called before the operator hears it. */
  onExit?(exit: ChannelExit): void;
  /**
   * A hook threw: nothing further was released. The bridge is being ended with the sentence that this gives back,
   * or that of the error; see `abort`.
   */
  onFault?(error: unknown): string | undefined;
}

/** How a bridge ended. `exit` is missing when the host never said; `aborted` when `abort` or a fault ended it. */
export interface BridgeEnd {
  readonly exit?: ChannelExit;
  readonly aborted?: string;
}

/** Two channels that are being copied into each other. */
export interface ChannelBridge {
  /** Sends bytes to the operator in order with the output: held-back output, or a message of ours. */
  release(chunk: Buffer, stream?: DataStream): void;
  /** Passes nothing on any more, either way. Costs next to nothing, so that many can be silenced before any is ended. */
  silence(): void;
  /**
   * Ends it at once: the operator sees `message` on standard error (without a message, nothing) and the exit status,
   * the host's channel is closed. Output that the operator has not taken yet is lost.
   */
  abort(message?: string, exitCode?: number): void;
  /** Resolves when both channels are gone. Never rejects. */
  readonly ended: Promise<BridgeEnd>;
}

/** Exit status that an aborted session shows, like OpenSSH's own for a broken connection. */
export const ABORT_EXIT_CODE = 255;

/**
 * Copies between the operator's channel and the host's, both of which have started: data with backpressure both
 * ways, standard output and error apart, half-close both ways, requests, exit status and signal (behind all output,
 * before the close).
 */
export function bridgeChannels(
  operator: SshChannel,
  host: SshChannel,
  hooks: BridgeHooks = {},
): ChannelBridge {
  let exit: ChannelExit | undefined;
  let aborted: string | undefined;
  let ending = false;
  let creditForHostBytes = 0;
  let creditForOperatorBytes = 0;
  let heldCreditBytes = 0;
  let gone = 0;
  let outputEnded = false;
  let resolveEnded: (end: BridgeEnd) => void;
  const ended = new Promise<BridgeEnd>((resolve) => {
    resolveEnded = resolve;
  });

  const guard = (run: () => void): void => {
    if (aborted !== undefined) return;
    try {
      run();
    } catch (error) {
      abort(`drawbridge: ${hooks.onFault?.(error) ?? messageOf(error)}`);
    }
  };
  const release = (chunk: Buffer, stream: DataStream = 'stdout'): void => {
    if (aborted === undefined) operator.write(chunk, stream);
  };
  const abort = (message?: string, exitCode = ABORT_EXIT_CODE): void => {
    if (ending) return;
    ending = true;
    aborted = message ?? '';
    host.destroy();
    if (message !== undefined && message !== '') operator.writeLast(Buffer.from(`\r\n${message}\r\n`));
    operator.exit({ kind: 'exit-status', code: exitCode });
    operator.close();
  };
  const silence = (): void => {
    aborted ??= '';
  };
  const endOutput = (): void => {
    if (outputEnded) return;
    outputEnded = true;
    guard(() => hooks.onOutputEnd?.());
  };
  const finishOne = (): void => {
    gone += 1;
    if (gone < 2) return;
    resolveEnded({ ...(exit === undefined ? {} : { exit }), ...(aborted === undefined ? {} : { aborted }) });
  };

  const hostHandlers: ChannelHandlers = {
    onData: (chunk, stream) =>
      guard(() => {
        const released = hooks.onOutput === undefined ? chunk : hooks.onOutput(chunk, stream);
        if (released !== null && released.length > 0 && !operator.write(released, stream))
          creditForHostBytes += chunk.length;
        else host.consumed(chunk.length);
        if (heldCreditBytes === 0 || hooks.inputHeld?.() === true) return;
        operator.consumed(heldCreditBytes);
        heldCreditBytes = 0;
      }),
    onDrain: () => {
      operator.consumed(creditForOperatorBytes);
      creditForOperatorBytes = 0;
    },
    onRequest: (request) => {
      if (request.kind !== 'exit-status' && request.kind !== 'exit-signal') return false;
      guard(() => {
        exit = request;
        hooks.onExit?.(request);
        operator.exit(request);
      });
      return true;
    },
    onEof: () => {
      endOutput();
      guard(() => operator.end());
    },
    onClosed: () => {
      endOutput();
      if (aborted === undefined) operator.close();
      finishOne();
    },
  };
  operator.attach({
    onData: (chunk) =>
      guard(() => {
        hooks.onInput?.(chunk);
        if (!host.write(chunk)) creditForOperatorBytes += chunk.length;
        else if (hooks.inputHeld?.() === true) heldCreditBytes += chunk.length;
        else operator.consumed(chunk.length);
      }),
    onDrain: () => {
      host.consumed(creditForHostBytes);
      creditForHostBytes = 0;
    },
    onRequest: async (request) => {
      if (isSessionStart(request) || aborted !== undefined) return false;
      if (hooks.onRequest !== undefined && !(await hooks.onRequest(request))) return false;
      // Not asked for an answer: a host may leave it out for a request that it never refuses.
      host.notify(request);
      return true;
    },
    onEof: () =>
      guard(() => {
        hooks.onInputEnd?.();
        host.end();
      }),
    awaitsExit: () => operator.type === 'session' && exit === undefined && aborted === undefined,
    onClosed: () => {
      host.destroy();
      finishOne();
    },
  });
  operator.whenDecided(() => host.attach(hostHandlers));
  return { release, silence, abort, ended };
}
