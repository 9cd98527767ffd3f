/**
 * The life of one stream. `open` counts from the SYN on: yamux lets the opener send before the ACK, so an unanswered
 * stream differs from an answered one only in what `acknowledged` says.
 */
export type StreamState =
  | { readonly phase: 'open'; readonly acknowledged: boolean }
  /** We sent FIN and still read. */
  | { readonly phase: 'half_closed_local' }
  /** The peer sent FIN; we still write. */
  | { readonly phase: 'half_closed_remote' }
  /** Both sent FIN. */
  | { readonly phase: 'closed' }
  /** Cut short. */
  | { readonly phase: 'reset'; readonly by: 'us' | 'peer' | 'tunnel' };

/** What can happen to a stream. */
export type StreamEvent =
  | 'ack_received'
  | 'data_received'
  | 'fin_received'
  | 'fin_sent'
  | 'reset_received'
  | 'reset_sent'
  | 'tunnel_ended';

/** The state after an event, or what the peer did wrong. */
export type Transition = { readonly state: StreamState } | { readonly fault: string };

function afterFinReceived(state: StreamState): Transition {
  if (state.phase === 'open') return { state: { phase: 'half_closed_remote' } };
  if (state.phase === 'half_closed_local') return { state: { phase: 'closed' } };
  return { fault: 'a second FIN' };
}

function afterFinSent(state: StreamState): Transition {
  if (state.phase === 'open') return { state: { phase: 'half_closed_local' } };
  if (state.phase === 'half_closed_remote') return { state: { phase: 'closed' } };
  return { state };
}

/** The only place where a stream's state changes. A reset stream stays reset, whatever comes. */
export function transition(state: StreamState, event: StreamEvent): Transition {
  if (state.phase === 'reset') return { state };
  switch (event) {
    case 'ack_received':
      return { state: state.phase === 'open' ? { phase: 'open', acknowledged: true } : state };
    case 'data_received':
      if (state.phase === 'open' || state.phase === 'half_closed_local') return { state };
      return { fault: 'data after FIN' };
    case 'fin_received':
      return afterFinReceived(state);
    case 'fin_sent':
      return afterFinSent(state);
    case 'reset_received':
      return { state: { phase: 'reset', by: 'peer' } };
    case 'reset_sent':
      return { state: state.phase === 'closed' ? state : { phase: 'reset', by: 'us' } };
    case 'tunnel_ended':
      return { state: state.phase === 'closed' ? state : { phase: 'reset', by: 'tunnel' } };
  }
}
