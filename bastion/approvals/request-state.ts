import type { Actor } from '../../shared/audit/event.ts';

/** One person's yes. */
export interface GivenApproval {
  readonly actor: Actor;
  /** Who that is, whatever way they came. */
  readonly person: string;
  readonly forMs: number;
}

/** Where a request stands. Only `waiting` can change. */
export type RequestState =
  | { readonly kind: 'waiting'; readonly approvals: readonly GivenApproval[] }
  | { readonly kind: 'granted'; readonly approvals: readonly GivenApproval[]; readonly forMs: number }
  | { readonly kind: 'refused'; readonly by: Actor; readonly message?: string }
  /** Nobody answered in time. */
  | { readonly kind: 'expired' }
  /** The operator has gone. */
  | { readonly kind: 'withdrawn' };

export type RequestEvent =
  | { readonly kind: 'approve'; readonly approval: GivenApproval; readonly needed: number }
  | { readonly kind: 'refuse'; readonly by: Actor; readonly message?: string }
  | { readonly kind: 'expire' }
  | { readonly kind: 'withdraw' };

/** The one transition function. What two people have approved is for the shorter of their times. */
export function nextRequestState(state: RequestState, event: RequestEvent): RequestState {
  if (state.kind !== 'waiting') return state;
  switch (event.kind) {
    case 'approve': {
      if (state.approvals.some(({ person }) => person === event.approval.person)) return state;
      const approvals = [...state.approvals, event.approval];
      if (approvals.length < event.needed) return { kind: 'waiting', approvals };
      return { kind: 'granted', approvals, forMs: Math.min(...approvals.map(({ forMs }) => forMs)) };
    }
    case 'refuse':
      return {
        kind: 'refused',
        by: event.by,
        ...(event.message === undefined ? {} : { message: event.message }),
      };
    case 'expire':
      return { kind: 'expired' };
    case 'withdraw':
      return { kind: 'withdrawn' };
  }
}
