import type { SshAuthAttempt } from '../../shared/ssh/server-connection.ts';
import type { ProvenOperator, ShownCertificate } from '../accounts/operators.ts';

/** A key that a client offers. */
export type OfferedKey = NonNullable<SshAuthAttempt['key']>;

/** A key that somebody has signed with. */
export interface ProvenKey {
  readonly sshUser: string;
  readonly username: string;
  readonly key: OfferedKey;
  /** The certificate by which the key counts; without one, it is registered. */
  readonly shown?: ShownCertificate;
}

/** How far a client has come. */
export type Progress =
  | { readonly step: 'outside' }
  /** It has signed with a registered or certified key; a code must follow under the same SSH user name. */
  | (ProvenKey & { readonly step: 'key_proven' })
  | { readonly step: 'inside'; readonly operator: ProvenOperator };

/** What moves a client on. */
export type Step =
  | { readonly kind: 'login_key_signed'; readonly operator: ProvenOperator }
  | { readonly kind: 'certificate_signed'; readonly operator: ProvenOperator }
  | { readonly kind: 'code_needed'; readonly proven: ProvenKey }
  | { readonly kind: 'code_accepted'; readonly operator: ProvenOperator }
  | { readonly kind: 'refused' };

/** The one transition function: who is inside stays there, and a refusal changes nothing. */
export function next(progress: Progress, step: Step): Progress {
  if (progress.step === 'inside') return progress;
  switch (step.kind) {
    case 'login_key_signed':
    case 'certificate_signed':
      return { step: 'inside', operator: step.operator };
    case 'code_needed':
      return { step: 'key_proven', ...step.proven };
    case 'code_accepted':
      return progress.step === 'key_proven' ? { step: 'inside', operator: step.operator } : progress;
    case 'refused':
      return progress;
  }
}
