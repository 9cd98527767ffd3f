import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connectSupervisor } from '../../../cli/service/notify.ts';

describe('what a role tells systemd', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is nothing without systemd', () => {
    const said: string[] = [];
    const supervisor = connectSupervisor({}, (state) => said.push(state));
    supervisor.ready();
    supervisor.stopping();
    expect(said).toEqual([]);
  });

  it('is that it is up, twice per period that it lives, and that it stops', () => {
    const said: string[] = [];
    const env = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '60000000' };
    const supervisor = connectSupervisor(env, (state) => said.push(state));
    vi.advanceTimersByTime(60_000);
    expect(said).toEqual([]);
    supervisor.ready();
    vi.advanceTimersByTime(60_000);
    expect(said).toEqual(['READY=1', 'WATCHDOG=1', 'WATCHDOG=1']);
    supervisor.stopping();
    vi.advanceTimersByTime(60_000);
    expect(said.slice(3)).toEqual(['STOPPING=1']);
  });
});
