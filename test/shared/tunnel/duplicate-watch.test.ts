import { expect, test } from 'vitest';
import {
  type Duplicate,
  DuplicateWatch,
  MAX_INSTANCES_PER_PEER,
  OVERLAP_MS,
  TOLD_AGAIN_MS,
} from '../../../shared/tunnel/duplicate-watch.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { acquaint, meet, uplinkTo } from '../../support/tunnel-meeting.ts';
import { waitFor } from '../../support/wait-for.ts';

function watch() {
  const clock = new FakeClock();
  const told: Duplicate[] = [];
  const duplicates = new DuplicateWatch({ clock, onDuplicate: (duplicate) => told.push(duplicate) });
  const connect = (instance: string, address = '10.0.0.1', peer = 'b-acme') => {
    const tunnel = new AbortController();
    duplicates.connected(peer, instance, address, tunnel.signal);
    return () => tunnel.abort();
  };
  return { clock, told, connect };
}

test('a process with several tunnels, redialled from anywhere, is one', () => {
  const { clock, told, connect } = watch();
  connect('one', '10.0.0.1');
  const end = connect('one', '10.0.0.1');
  end();
  connect('one', '192.0.2.9');
  clock.advance(OVERLAP_MS * 2);
  expect(told).toEqual([]);
});

test('a restart is none, also while the old tunnels are not yet known to be dead', () => {
  const { clock, told, connect } = watch();
  let end = connect('run-0');
  for (let restart = 1; restart < 3 * MAX_INSTANCES_PER_PEER; restart += 1) {
    clock.advance(1_000_000);
    const next = connect(`run-${restart}`);
    clock.advance(OVERLAP_MS - 1);
    end();
    clock.advance(OVERLAP_MS);
    end = next;
  }
  expect(told).toEqual([]);
});

test('two processes that both hold tunnels are told of, once', () => {
  const { clock, told, connect } = watch();
  connect('original', '10.0.0.1');
  connect('copy', '203.0.113.66');
  clock.advance(OVERLAP_MS - 1);
  expect(told).toEqual([]);
  clock.advance(1);
  const expected = { peerId: 'b-acme', sign: 'overlap', addresses: ['10.0.0.1', '203.0.113.66'] };
  expect(told).toEqual([expected]);
  connect('copy');
  connect('original');
  clock.advance(OVERLAP_MS * 3);
  expect(told).toEqual([expected]);
});

test('a copy that is made long after another one was told of is told of, too', () => {
  const { clock, told, connect } = watch();
  connect('original');
  connect('copy');
  clock.advance(OVERLAP_MS);
  connect('original');
  clock.advance(TOLD_AGAIN_MS - 1);
  connect('copy');
  expect(told).toHaveLength(1);
  clock.advance(1);
  connect('original');
  expect(told).toMatchObject([{ sign: 'overlap' }, { sign: 'alternation' }]);
});

test('a process that dials again after another one did is told of at once', () => {
  const { told, connect } = watch();
  connect('original', '10.0.0.1')();
  connect('copy', '203.0.113.66')();
  expect(told).toEqual([]);
  connect('original', '10.0.0.1');
  expect(told).toMatchObject([{ sign: 'alternation', addresses: ['203.0.113.66', '10.0.0.1'] }]);
});

test('peers do not count for each other', () => {
  const { clock, told, connect } = watch();
  connect('one', '10.0.0.1', 'b-acme');
  connect('two', '10.0.0.1', 'b-other');
  clock.advance(OVERLAP_MS);
  expect(told).toEqual([]);
});

test('an acceptor notices a copied key by real dials', async () => {
  const who = await acquaint();
  const told: Duplicate[] = [];
  const { port } = await meet(who, { onDuplicate: (duplicate) => told.push(duplicate) });
  const original = uplinkTo(who, port);
  const copy = uplinkTo(who, port);
  const back = async (uplink: typeof original) => {
    uplink.start();
    await waitFor(() => uplink.pick());
  };
  await back(original);
  await back(copy);
  expect(told).toEqual([]);
  await original.stop('test.moved', 'The test goes on.');
  await back(original);
  await waitFor(() => told.length > 0);
  expect(told).toEqual([
    { peerId: who.bastion.id, sign: 'alternation', addresses: ['127.0.0.1', '127.0.0.1'] },
  ]);
});
