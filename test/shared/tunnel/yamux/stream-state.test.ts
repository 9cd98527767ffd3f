import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type StreamEvent,
  type StreamState,
  transition,
} from '../../../../shared/tunnel/yamux/stream-state.ts';

const OPEN: StreamState = { phase: 'open', acknowledged: false };
const EVENTS: readonly StreamEvent[] = [
  'ack_received',
  'data_received',
  'fin_received',
  'fin_sent',
  'reset_received',
  'reset_sent',
  'tunnel_ended',
];

function stateAfter(...events: StreamEvent[]): StreamState | string {
  let state: StreamState = OPEN;
  for (const event of events) {
    const result = transition(state, event);
    if ('fault' in result) return result.fault;
    state = result.state;
  }
  return state;
}

describe('the state of a stream', () => {
  test('is acknowledged by the ACK', () => {
    expect(stateAfter('ack_received')).toEqual({ phase: 'open', acknowledged: true });
  });

  test('closes with the FINs of both sides, in either order', () => {
    expect(stateAfter('fin_sent')).toEqual({ phase: 'half_closed_local' });
    expect(stateAfter('fin_received')).toEqual({ phase: 'half_closed_remote' });
    expect(stateAfter('fin_sent', 'data_received', 'fin_received')).toEqual({ phase: 'closed' });
    expect(stateAfter('fin_received', 'fin_sent')).toEqual({ phase: 'closed' });
  });

  test('takes an ACK that comes after our FIN for what it is', () => {
    expect(stateAfter('fin_sent', 'ack_received')).toEqual({ phase: 'half_closed_local' });
  });

  test('finds fault with a peer that goes on after its FIN', () => {
    expect(stateAfter('fin_received', 'data_received')).toBe('data after FIN');
    expect(stateAfter('fin_received', 'fin_received')).toBe('a second FIN');
  });

  test('says who reset it', () => {
    expect(stateAfter('reset_received')).toEqual({ phase: 'reset', by: 'peer' });
    expect(stateAfter('reset_sent')).toEqual({ phase: 'reset', by: 'us' });
    expect(stateAfter('fin_sent', 'tunnel_ended')).toEqual({ phase: 'reset', by: 'tunnel' });
  });

  test('never leaves reset, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...EVENTS)), (events) => {
        expect(stateAfter('reset_received', ...events)).toEqual({ phase: 'reset', by: 'peer' });
      }),
    );
  });
});
