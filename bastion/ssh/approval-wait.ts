import { DrawbridgeError } from '../../shared/errors.ts';
import type { SshChannel } from '../../shared/ssh/channel.ts';
import type { ApprovalOutcome } from '../approvals/parked-request.ts';
import type { ApprovalNeed } from '../policy/approval.ts';
import { durationText } from '../sessions/session-upkeep.ts';
import { REASON_VARIABLE } from './environment.ts';
import type { SessionContext } from './session-context.ts';
import { TerminalLine } from './terminal-line.ts';

const CTRL_C = 0x03;

/** The operator's end of a wait: where lines are shown and, in a terminal, typed. */
export interface WaitingPlace {
  readonly channel: SshChannel;
  /** Sets who gets what is typed; without one it waits for what will be started. */
  listen(onData: ((chunk: Buffer) => void) | undefined): void;
  readonly hasTerminal: boolean;
}

/**
 * Asks the customer for what the policy does not allow without their word, and waits for the answer, with the operator
 * kept informed. Resolves when it was granted; whoever waits has to ask the policy again then.
 * @throws `approval.*` with a sentence for the operator, `audit.unavailable`
 */
export async function waitForApproval(
  context: SessionContext,
  need: ApprovalNeed,
  options: {
    readonly action: string;
    readonly reason?: string | undefined;
    readonly place?: WaitingPlace;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { place, action } = options;
  const { session, services } = context;
  const gaveUp = new AbortController();
  const signal = AbortSignal.any([options.signal, session.signal, gaveUp.signal]);
  try {
    const reason = options.reason ?? session.reason ?? (await askReason(context, need, place, signal));
    if (reason === undefined && need.rule.reason === 'required') throw reasonMissing(services.bastionName);
    if (reason !== undefined) session.noteReason(reason);
    // In a terminal, Ctrl-C gives up; everything else that is typed meanwhile is dropped.
    place?.listen(
      place.hasTerminal
        ? (chunk) => {
            place.channel.consumed(chunk.length);
            if (chunk.includes(CTRL_C)) gaveUp.abort();
          }
        : undefined,
    );
    const { operator, host, login, source, id } = session.identity;
    const ask = {
      ...{ operator, host, login, action, session: id },
      ...(source === undefined ? {} : { source }),
      ...(reason === undefined ? {} : { reason }),
    };
    const outcome = await services.approvals.request(ask, need, signal, (request) => {
      const stop = place?.hasTerminal === true ? ' Ctrl-C gives up.' : '';
      say(
        place,
        `${services.bastionName} has asked the customer to let you in on ${host} as ${login} (request ${request.id}). Waiting for up to ${durationText(need.rule.wait)}.${stop}`,
      );
    });
    if (outcome.kind !== 'granted') throw refusalOf(outcome, services.bastionName);
    say(place, `Granted until ${new Date(outcome.grant.untilMs).toISOString()} (${outcome.grant.id}).`);
  } finally {
    place?.listen(undefined);
  }
}

/** What the operator types as the reason; undefined when there is nobody to ask, or nothing was typed. */
async function askReason(
  context: SessionContext,
  need: ApprovalNeed,
  place: WaitingPlace | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (place === undefined || !place.hasTerminal) return undefined;
  const { channel } = place;
  const { host, login } = context.session.identity;
  const optional = need.rule.reason === 'optional' ? ' (Enter for none)' : '';
  say(place, `${host} as ${login} needs the customer's approval.`);
  channel.write(Buffer.from(`Reason${optional}: `), 'stderr');
  const line = new TerminalLine();
  const ended = await new Promise<'enter' | 'cancel'>((resolve) => {
    signal.addEventListener('abort', () => resolve('cancel'), { once: true });
    if (signal.aborted) resolve('cancel');
    place.listen((chunk) => {
      channel.consumed(chunk.length);
      const typed = line.type(chunk);
      if (typed.echo !== '') channel.write(Buffer.from(typed.echo), 'stderr');
      if (typed.ended !== undefined) resolve(typed.ended);
    });
  });
  if (ended === 'cancel') throw refusalOf({ kind: 'withdrawn' }, context.services.bastionName);
  return line.text === '' ? undefined : line.text;
}

function say(place: WaitingPlace | undefined, sentence: string): void {
  place?.channel.write(Buffer.from(`drawbridge: ${sentence}\r\n`), 'stderr');
}

function reasonMissing(bastionName: string): DrawbridgeError {
  return new DrawbridgeError(
    'approval.reason_required',
    `${bastionName} asks for a reason before it asks for approval. Give one with: ssh -o 'SetEnv ${REASON_VARIABLE}="why"' …`,
  );
}

function refusalOf(
  outcome: Exclude<ApprovalOutcome, { kind: 'granted' }>,
  bastionName: string,
): DrawbridgeError {
  switch (outcome.kind) {
    case 'refused': {
      const because = outcome.message === undefined ? '.' : `: ${outcome.message}`;
      return new DrawbridgeError(
        'approval.refused',
        `The customer of ${bastionName} did not approve it${because}`,
      );
    }
    case 'expired':
      return new DrawbridgeError(
        'approval.expired',
        `Nobody at ${bastionName} has answered in time. Try again.`,
      );
    case 'withdrawn':
      return new DrawbridgeError('approval.withdrawn', 'The request was given up.');
  }
}
