import { DrawbridgeError } from '../../shared/errors.ts';
import type { ExecKind } from '../evidence/exec-kind.ts';
import { sizeRefusal, type TransferRules } from '../evidence/sftp/transfer-rules.ts';
import type { PolicyAction } from '../policy/decide.ts';
import type { TransferDirections } from '../policy/limits.ts';
import type { Policy } from '../policy/schema.ts';
import type { SessionContext } from './session-context.ts';

/** Code of the error that ends a channel whose transfer goes beyond what the policy allows. */
export const TRANSFER_REFUSED = 'transfer.refused';

/** What programs say to each other besides the file: of `scp`, `rsync` and `git`, all bytes count as one file. */
const TALK_BYTES = 64 * 1024;

type Transfer = Exclude<ExecKind, { kind: 'plain' }>;

/** What the policy lets a channel transfer, as it is at each moment. */
export class TransferLimits {
  readonly #context: SessionContext;
  readonly #action: PolicyAction;
  #known: { readonly policy: Policy; readonly untilMs: number; readonly rules: TransferRules } | undefined;

  constructor(context: SessionContext, action: PolicyAction) {
    this.#context = context;
    this.#action = action;
  }

  /** Asks the policy again only when it is another one, or when time may have changed its answer. */
  get rules(): TransferRules {
    const { policy, clock } = this.#context.services;
    const known = this.#known;
    if (known !== undefined && known.policy === policy.policy && clock.nowMs() < known.untilMs)
      return known.rules;
    const decision = this.#context.decide(this.#action);
    const rules = decision.allow
      ? rulesOf(decision.limits)
      : // The session is about to end for it.
        { up: false, down: false };
    this.#known = {
      policy: policy.policy,
      untilMs: decision.untilMs ?? Number.POSITIVE_INFINITY,
      rules,
    };
    return rules;
  }

  /**
   * Of a transfer that can't be followed file by file: checks what has gone in its direction.
   * @throws {@link TRANSFER_REFUSED}
   */
  assertSize(transfer: Transfer | undefined, bytes: { readonly in: number; readonly out: number }): void {
    if (transfer === undefined || transfer.kind === 'sftp-server') return;
    const moved = transfer.direction === 'upload' ? bytes.in : bytes.out;
    const refused = sizeRefusal(this.rules, moved - TALK_BYTES);
    if (refused !== undefined) throw this.refusal(refused);
  }

  refusal(reason: string): DrawbridgeError {
    return new DrawbridgeError(
      TRANSFER_REFUSED,
      `${this.#context.services.bastionName} has ended this transfer: ${reason}.`,
    );
  }
}

/** Why a transfer by this command may not begin; undefined when it may, or when it is none that is known. */
export function transferRefusal(
  transfer: Transfer | undefined,
  allowed: TransferDirections,
): string | undefined {
  if (transfer === undefined || transfer.kind === 'sftp-server') return undefined;
  if (transfer.direction === 'upload' && !allowed.up)
    return 'the policy does not allow files to be changed on the host';
  if (transfer.direction === 'download' && !allowed.down)
    return 'the policy does not allow files to be fetched from the host';
  return undefined;
}

function rulesOf(limits: {
  readonly transfers: TransferDirections;
  readonly fileSizeBytes?: number;
}): TransferRules {
  const { transfers, fileSizeBytes } = limits;
  return { ...transfers, ...(fileSizeBytes === undefined ? {} : { fileSizeBytes }) };
}
