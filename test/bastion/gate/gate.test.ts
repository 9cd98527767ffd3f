import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Gate } from '../../../bastion/gate/gate.ts';
import { silentLogger } from '../../../shared/log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';

const CHANGED = 'its stored state was changed by something else';

describe('the gate', () => {
  let dataDir: string;
  let clock: FakeClock;
  let audit: MemoryAudit;

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'gate-'));
    clock = new FakeClock();
    audit = new MemoryAudit();
  });

  afterEach(() => {
    chmodSync(dataDir, 0o700);
    rmSync(dataDir, { recursive: true, force: true });
  });

  // Time passes as the fake clock says, also for the machine: a busy one must end no short opening.
  const machine = () => ({ bootId: 'boot-0', uptimeMs: clock.monotonicMs() });
  const open = () => Gate.open({ dataDir, name: 'acme', audit, clock, log: silentLogger(), machine });
  const accessFile = () => join(dataDir, 'access.json');

  function admittedSignal(gate: Gate): AbortSignal {
    const answer = gate.admit();
    if (!answer.open) throw new Error(`the gate is closed: ${answer.message}`);
    return answer.signal;
  }

  test('is off when nothing is stored', async () => {
    const gate = await open();
    expect(gate.status.state).toBe('off');
    expect(gate.admit()).toEqual({ open: false, message: 'Remote access to acme is turned off.' });
  });

  test('stays on across a restart', async () => {
    await (await open()).turnOn('admin:carol', { reason: 'release 7' });
    const again = await open();
    expect(again.status).toMatchObject({ state: 'on', by: 'admin:carol', reason: 'release 7' });
    expect(again.admit().open).toBe(true);
  });

  test('stays off across a restart and remembers who turned it off', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol');
    await gate.turnOff('admin:dave', 'maintenance is over');
    expect((await open()).status).toMatchObject({
      state: 'off',
      by: 'admin:dave',
      reason: 'maintenance is over',
    });
  });

  test('cuts before it waits for the disk, and is off for every start from then on', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol');
    const signal = admittedSignal(gate);
    let storedWhenCut: boolean | undefined;
    signal.addEventListener('abort', () => {
      storedWhenCut = existsSync(accessFile());
    });
    const answered = gate.turnOff('admin:dave');
    expect(storedWhenCut).toBe(false);
    expect((await open()).admit().open).toBe(false);
    await answered;
  });

  test('that is turned on again before off is answered says nothing of the off', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol');
    const off = gate.turnOff('admin:dave');
    await gate.turnOn('admin:erin');
    await off;
    expect(gate.status).toMatchObject({ state: 'on', by: 'admin:erin' });
    expect((await open()).status).toMatchObject({ state: 'on', by: 'admin:erin' });
  });

  test.each([
    ['is empty', ''],
    ['is torn', '{"v":1,"state":"on","since":"2026-01-'],
    ['says something else', '{"v":1,"state":"maybe","since":"2026-01-01T00:00:00Z","by":"x"}'],
    ['is of an unknown version', '{"v":2,"state":"on","since":"2026-01-01T00:00:00Z","by":"x"}'],
    ['has a time that is none', '{"v":1,"state":"on","since":"yesterday","by":"x"}'],
    ['is far too long', `{"v":1,"state":"on","since":"2026-01-01T00:00:00Z","by":"${'x'.repeat(20_000)}"}`],
    ['is no JSON but NUL bytes', '\0\0\0\0'],
  ])('is off when the file %s', async (_what, text) => {
    writeFileSync(accessFile(), text);
    const gate = await open();
    expect(gate.admit().open).toBe(false);
    expect(existsSync(accessFile())).toBe(false);
    expect(audit.types()).toEqual(['access.turned_off']);
  });

  test('is off when a directory stands where the file should be', async () => {
    mkdirSync(accessFile());
    expect((await open()).admit().open).toBe(false);
  });

  test('is off when a pipe stands where the file should be, without waiting for a writer', async () => {
    execFileSync('mkfifo', [accessFile()]);
    expect((await open()).admit().open).toBe(false);
  });

  test('stores the event before the file, and the file before anybody is let in', async () => {
    const gate = await open();
    audit.onAppend = () => {
      expect(existsSync(accessFile())).toBe(false);
      expect(gate.admit().open).toBe(false);
    };
    await gate.turnOn('admin:carol');
    expect(JSON.parse(readFileSync(accessFile(), 'utf8'))).toMatchObject({ state: 'on', by: 'admin:carol' });
    expect(gate.admit().open).toBe(true);
  });

  test('stays off when the event can not be stored', async () => {
    const gate = await open();
    audit.failing = true;
    await expect(gate.turnOn('admin:carol')).rejects.toMatchObject({ code: 'audit.unavailable' });
    expect(gate.status.state).toBe('off');
    expect(existsSync(accessFile())).toBe(false);
  });

  test('stays off when the file can not be written, and says so in the log', async () => {
    const gate = await open();
    mkdirSync(`${accessFile()}.new`);
    await expect(gate.turnOn('admin:carol')).rejects.toMatchObject({ code: 'access.not_stored' });
    expect(gate.admit().open).toBe(false);
    expect(audit.types()).toEqual(['access.turned_on', 'access.turned_off']);
  });

  test('removes the file before it aborts, and aborts before it waits for the event', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol');
    const signal = admittedSignal(gate);
    const seen: string[] = [];
    signal.addEventListener('abort', () => seen.push(existsSync(accessFile()) ? 'file there' : 'file gone'));
    audit.onAppend = (event) => seen.push(event.type);
    const off = gate.turnOff('admin:carol');
    expect(seen[0]).toBe('file gone');
    expect(signal.aborted).toBe(true);
    await off;
    expect(seen).toEqual(['file gone', 'access.turned_off']);
  });

  test('is off, and says what failed, when the event of an off can not be stored', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol');
    audit.failing = true;
    await expect(gate.turnOff('admin:carol')).rejects.toMatchObject({ code: 'audit.unavailable' });
    expect(gate.admit().open).toBe(false);
    expect((await open()).status.state).toBe('off');
  });

  test('is off in memory, and says what failed, when the file can not be removed', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol');
    const signal = admittedSignal(gate);
    rmSync(accessFile());
    mkdirSync(accessFile());
    writeFileSync(join(accessFile(), 'x'), '');
    await expect(gate.turnOff('admin:carol')).rejects.toMatchObject({ code: 'access.not_stored' });
    expect(signal.aborted).toBe(true);
    expect(gate.status.state).toBe('off');
    expect(audit.types()).toEqual(['access.turned_on', 'access.turned_off']);
  });

  test('gives a fresh signal for each opening', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol');
    const first = admittedSignal(gate);
    await gate.turnOff('admin:carol');
    await gate.turnOn('admin:carol');
    expect(first.aborted).toBe(true);
    expect(admittedSignal(gate).aborted).toBe(false);
  });

  test('a new limit does not touch what is live', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol');
    const signal = admittedSignal(gate);
    await gate.turnOn('admin:carol', { forMs: 60_000 });
    expect(signal.aborted).toBe(false);
    expect(gate.status.until).toBe('2030-01-01T12:01:00.000Z');
    clock.advance(60_000);
    expect(signal.aborted).toBe(true);
  });

  test('an off that arrives while on is being stored wins', async () => {
    const gate = await open();
    let off: Promise<unknown> = Promise.resolve();
    audit.onAppend = (event) => {
      if (event.type === 'access.turned_on') off = gate.turnOff('admin:dave');
    };
    await expect(gate.turnOn('admin:carol')).rejects.toMatchObject({ code: 'access.overtaken' });
    await off;
    expect(gate.admit().open).toBe(false);
    expect(existsSync(accessFile())).toBe(false);
    expect((await open()).status.state).toBe('off');
  });

  test('ends by itself when its time is over', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol', { forMs: 7_200_000 });
    const signal = admittedSignal(gate);
    clock.advance(7_199_999);
    expect(signal.aborted).toBe(false);
    clock.advance(1);
    expect(signal.aborted).toBe(true);
    expect(existsSync(accessFile())).toBe(false);
  });

  test('ends by itself across a restart, and while nothing runs', async () => {
    await (await open()).turnOn('admin:carol', { forMs: 10_000 });
    clock.advance(4_000);
    const second = await open();
    expect(second.admit().open).toBe(true);
    clock.advance(6_000);
    expect(second.admit().open).toBe(false);

    await second.turnOn('admin:carol', { forMs: 10_000 });
    second.stop('restart');
    const stored = readFileSync(accessFile());
    clock.jumpTo(clock.nowMs() + 20_000);
    writeFileSync(accessFile(), stored);
    expect((await open()).admit().open).toBe(false);
  });

  test('ends within a second when the wall clock jumps past its end', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol', { forMs: 7_200_000 });
    const signal = admittedSignal(gate);
    clock.jumpTo(clock.nowMs() + 7_200_000);
    clock.advance(1000);
    expect(signal.aborted).toBe(true);
  });

  test('lets nobody in after a jump of the wall clock, even before its timer looks', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol', { forMs: 7_200_000 });
    clock.jumpTo(clock.nowMs() + 7_200_000);
    expect(gate.admit().open).toBe(false);
  });

  test('is not prolonged by setting the wall clock back', async () => {
    const gate = await open();
    await gate.turnOn('admin:carol', { forMs: 60_000 });
    clock.jumpTo(clock.nowMs() - 3_600_000);
    clock.advance(60_000);
    expect(gate.admit().open).toBe(false);
  });

  test('is not prolonged by setting the wall clock back while the bastion is restarted', async () => {
    let uptimeMs = 1_000_000;
    const machine = () => ({ bootId: 'boot-1', uptimeMs });
    const openOn = (running: typeof machine) =>
      Gate.open({ dataDir, name: 'acme', audit, clock, log: silentLogger(), machine: running });
    const startMs = clock.nowMs();
    const first = await openOn(machine);
    await first.turnOn('admin:carol', { forMs: 7_200_000 });
    first.stop('restart');
    // Nearly two hours later somebody sets the clock back to ten minutes after the start.
    uptimeMs += 7_000_000;
    clock.jumpTo(startMs + 600_000);
    const second = await openOn(machine);
    expect(second.admit().open).toBe(true);
    clock.advance(201_000);
    expect(second.admit().open).toBe(false);
  });

  test('is not prolonged by a clock that is set back while the machine is started anew: what is known to be over is over', async () => {
    const startMs = clock.nowMs();
    const booted = (bootId: string, lastKnownMs: number) =>
      Gate.open({
        ...{ dataDir, name: 'acme', audit, clock, log: silentLogger(), lastKnownMs },
        machine: () => ({ bootId, uptimeMs: 5_000 }),
      });
    const first = await booted('boot-1', startMs);
    await first.turnOn('admin:carol', { forMs: 7_200_000 });
    first.stop('restart');
    // The last event was an hour and three quarters later; the new start shows ten minutes.
    clock.jumpTo(startMs + 600_000);
    const second = await booted('boot-2', startMs + 6_300_000);
    clock.advance(899_000);
    expect(second.admit().open).toBe(true);
    clock.advance(2_000);
    expect(second.admit().open).toBe(false);
  });

  describe('that is on looks every second at what it stored', () => {
    const rewrite = (change: (stored: string) => string) =>
      writeFileSync(accessFile(), change(readFileSync(accessFile(), 'utf8')));

    test.each<[string, () => void, string]>([
      ['was removed', () => rmSync(accessFile()), 'its stored state was removed'],
      ['was emptied', () => rewrite(() => ''), 'its stored state was removed'],
      ['holds garbage', () => rewrite(() => '\0\xff{garbage'), CHANGED],
      [
        'holds garbage of the same length',
        (): void => rewrite((stored) => 'x'.repeat(stored.length)),
        CHANGED,
      ],
      ['is another opening', () => rewrite((stored) => stored.replace('carol', 'mallory')), CHANGED],
      ['has grown without end', () => rewrite((stored) => stored + ' '.repeat(20_000)), CHANGED],
      [
        'is a directory now',
        () => {
          rmSync(accessFile());
          mkdirSync(accessFile());
        },
        CHANGED,
      ],
    ])('and ends its sessions when that %s', async (_what, harm, reason) => {
      const gate = await open();
      await gate.turnOn('admin:carol');
      const signal = admittedSignal(gate);
      harm();
      clock.advance(1000);
      expect(signal.reason).toMatchObject({ code: 'access.off', message: expect.stringContaining(reason) });
      await vi.waitFor(() => expect(audit.ofType('access.turned_off')).toMatchObject([{ reason }]));
      expect((await open()).admit().open).toBe(false);
    });

    test('and stays on over restarts, renewals, and somebody who writes the same again', async () => {
      const first = await open();
      await first.turnOn('admin:carol', { forMs: 600_000 });
      clock.advance(5_000);
      await first.turnOn('admin:dave', { forMs: 900_000, reason: 'longer' });
      clock.advance(5_000);
      rewrite((stored) => stored);
      clock.advance(5_000);
      expect(first.admit().open).toBe(true);
      first.stop('restart');
      const second = await open();
      clock.advance(5_000);
      expect(second.admit().open).toBe(true);
    });
  });

  test('ends at a time as well as after one', async () => {
    const gate = await open();
    const untilMs = clock.nowMs() + 3_600_000;
    expect((await gate.turnOn('admin:carol', { untilMs })).until).toBe(new Date(untilMs).toISOString());
    clock.advance(3_600_000);
    expect(gate.status.state).toBe('off');
    await expect(gate.turnOn('admin:carol', { untilMs })).rejects.toMatchObject({ code: 'usage.duration' });
  });

  test('is open outside of the windows of the policy only when that was said, with an end, also across a restart', async () => {
    const gate = await open();
    await expect(gate.turnOn('admin:carol', { outsideWindows: true })).rejects.toMatchObject({
      code: 'usage.outside_windows',
    });
    await gate.turnOn('admin:carol', { outsideWindows: true, forMs: 3_600_000 });
    expect(audit.ofType('access.turned_on')).toMatchObject([{ outsideWindows: true }]);
    const again = await open();
    expect(again.outsideWindows).toBe(true);
    clock.advance(3_600_000);
    expect(again.outsideWindows).toBe(false);
    await again.turnOn('admin:carol');
    expect(again.outsideWindows).toBe(false);
  });

  test('is off after a restart with a clock that was set back before the opening', async () => {
    await (await open()).turnOn('admin:carol', { forMs: 60_000 });
    clock.jumpTo(clock.nowMs() - 3_600_000);
    expect((await open()).admit().open).toBe(false);
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 366 * 24 * 3600 * 1000])(
    'refuses an opening for %d milliseconds',
    async (forMs) => {
      const gate = await open();
      await expect(gate.turnOn('admin:carol', { forMs })).rejects.toMatchObject({ code: 'usage.duration' });
      expect(gate.admit().open).toBe(false);
    },
  );

  type Step =
    | { readonly kind: 'on'; readonly forMs?: number }
    | { readonly kind: 'off' | 'restart' }
    | { readonly kind: 'audit'; readonly failing: boolean }
    | { readonly kind: 'wait' | 'jump'; readonly byMs: number };

  const anyStep: fc.Arbitrary<Step> = fc.oneof(
    fc.constant<Step>({ kind: 'on' }),
    fc.integer({ min: 1, max: 5_000 }).map((forMs): Step => ({ kind: 'on', forMs })),
    fc.constantFrom<Step>({ kind: 'off' }, { kind: 'restart' }),
    fc.boolean().map((failing): Step => ({ kind: 'audit', failing })),
    fc.integer({ min: 0, max: 3_000 }).map((byMs): Step => ({ kind: 'wait', byMs })),
    fc.integer({ min: 0, max: 3_000 }).map((byMs): Step => ({ kind: 'jump', byMs })),
  );

  /** Does one step and returns until when the gate should be open, `-Infinity` for closed. */
  async function take(world: { gate: Gate; openUntilMs: number }, step: Step): Promise<void> {
    switch (step.kind) {
      case 'on': {
        const { forMs } = step;
        const turning = world.gate.turnOn('admin:carol', forMs === undefined ? {} : { forMs });
        if (audit.failing) return expect(turning).rejects.toMatchObject({ code: 'audit.unavailable' });
        await turning;
        world.openUntilMs = forMs === undefined ? Number.POSITIVE_INFINITY : clock.nowMs() + forMs;
        return;
      }
      case 'off':
        await world.gate.turnOff('admin:carol').catch(() => undefined);
        world.openUntilMs = Number.NEGATIVE_INFINITY;
        return;
      case 'restart':
        world.gate.stop('restart');
        world.gate = await open();
        return;
      case 'audit':
        audit.failing = step.failing;
        return;
      case 'wait':
        clock.advance(step.byMs);
        return;
      case 'jump':
        clock.jumpTo(clock.nowMs() + step.byMs);
    }
  }

  test('for any order of on, off, waiting, jumps, faults and restarts: open exactly when the last word was on', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 25 }), async (steps) => {
        rmSync(accessFile(), { force: true });
        audit.failing = false;
        const world = { gate: await open(), openUntilMs: Number.NEGATIVE_INFINITY };
        for (const step of steps) {
          await take(world, step);
          if (clock.nowMs() >= world.openUntilMs) world.openUntilMs = Number.NEGATIVE_INFINITY;
          expect(world.gate.admit().open).toBe(clock.nowMs() < world.openUntilMs);
        }
        world.gate.stop('end');
      }),
      { numRuns: 60 },
    );
  });
});
