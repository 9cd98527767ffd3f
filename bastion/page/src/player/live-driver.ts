import { withBase } from '../data/base-path.ts';
import { SteadyStream } from '../data/steady-stream.ts';
import { wasWithoutTerminal, withCarriageReturns } from './line-ends.ts';

/** What the player's core hands to a driver; asciinema-player's types leave drivers out. */
export interface DriverCallbacks {
  dispatch(event: string, data?: unknown): void;
}

/** The part of a driver that the player needs for something that can't be paused. */
export interface PlayerDriver {
  play(): boolean;
  stop(): void;
  getCurrentTime(): number;
}

export type LiveState = 'connecting' | 'live' | 'lost' | 'ended';

/**
 * A player driver that follows a live session. The bastion sends the recording from its start or from a whole screen,
 * so that after a lost connection the screen is simply built anew.
 */
export function liveDriver(
  path: string,
  onState: (state: LiveState) => void,
): (callbacks: DriverCallbacks) => PlayerDriver {
  return ({ dispatch }) => {
    let stream: SteadyStream | undefined;
    let seconds = 0;
    let bareLineFeeds = false;
    const receive = (message: unknown) => {
      if (isCastEvent(message)) {
        seconds = message[0];
        if (message[1] === 'o') {
          dispatch('output', bareLineFeeds ? withCarriageReturns(message[2]) : message[2]);
        }
        if (message[1] === 'r') dispatch('resize', sizeOf(message[2]));
      } else if (isHeader(message)) {
        bareLineFeeds = wasWithoutTerminal(message);
        dispatch('reset', { size: { cols: message.width, rows: message.height }, theme: null });
        dispatch('playing');
        onState('live');
      }
    };
    return {
      play() {
        if (stream !== undefined) return true;
        dispatch('play');
        stream = new SteadyStream({
          open: () => new EventSource(withBase(path)),
          on: {
            message: (data) => receive(JSON.parse(data)),
            done: () => {
              stream?.stop();
              onState('ended');
            },
          },
          // It counts as live when the screen is there.
          onOpen: () => undefined,
          onBreak: () => onState('lost'),
        });
        stream.start();
        return true;
      },
      stop: () => stream?.stop(),
      getCurrentTime: () => seconds,
    };
  };
}

function isCastEvent(value: unknown): value is [number, string, string] {
  return Array.isArray(value) && typeof value[0] === 'number' && typeof value[2] === 'string';
}

function isHeader(value: unknown): value is { width: number; height: number } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'width' in value &&
    'height' in value &&
    typeof value.width === 'number' &&
    typeof value.height === 'number'
  );
}

function sizeOf(text: string): { cols: number; rows: number } {
  const [cols = 80, rows = 24] = text.split('x').map(Number);
  return { cols, rows };
}
