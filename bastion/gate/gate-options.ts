import type { AuditSink } from '../../shared/audit/event.ts';
import type { Logger } from '../../shared/log.ts';
import type { KnownTime } from './machine.ts';

/** Why a gate closed: the reason of its `AbortSignal`. */
export interface GateClosing {
  readonly code: 'access.off';
  /** One sentence for the operators whose sessions end. */
  readonly message: string;
}

/** The answer to 'may somebody come in now?' */
export type GateAnswer =
  | { readonly open: true; readonly signal: AbortSignal }
  | { readonly open: false; readonly message: string };

export interface GateOptions extends KnownTime {
  /** Holds `access.json`. */
  readonly dataDir: string;
  /** The bastion's name, for sentences to operators. */
  readonly name: string;
  readonly audit: AuditSink;
  readonly log: Logger;
}

/** How to turn access on. */
export interface TurnOnOptions {
  /** Turns off by itself after so many milliseconds. */
  readonly forMs?: number;
  /** Turns off by itself at this time, in milliseconds since the epoch. Goes before `forMs`. */
  readonly untilMs?: number;
  readonly reason?: string;
  /** Lets operators in outside of the windows of the policy as well; only with an end. */
  readonly outsideWindows?: boolean;
}
