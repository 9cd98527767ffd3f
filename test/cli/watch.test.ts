import { expect, test } from 'vitest';
import { createTerminal } from '../../cli/terminal.ts';
import { watchLive } from '../../cli/watch.ts';

const RESET = '\u001b[!p';

async function watch(events: () => AsyncGenerator<unknown>) {
  const seen = { out: '', err: '' };
  const terminal = createTerminal(
    { write: (text) => (seen.out += text), isTTY: true, columns: 80 },
    { write: (text) => (seen.err += text) },
    {},
  );
  const error = await watchLive(events(), terminal).catch((thrown: unknown) => thrown);
  return { ...seen, error };
}

test('who watches sees the output as it is, and has their terminal back when it ends', async () => {
  const { out, err, error } = await watch(async function* () {
    yield { kind: 'header', header: { width: 120, height: 40 } };
    yield { kind: 'event', time: 0, code: 'o', data: 'hello\u001b[1m' };
    yield { kind: 'event', time: 1, code: 'i', data: 'typed' };
    yield { kind: 'end' };
  });
  expect(error).toBeUndefined();
  expect(out.startsWith(`hello\u001b[1m${RESET}`)).toBe(true);
  expect(err).toContain("the operator's terminal is 120x40");
  expect(err).toContain('no longer watching');
});

test('a session that can not be watched is an error alone: nothing was watched, nothing is put back', async () => {
  const refused = new Error('There is no session.');
  const { out, err, error } = await watch(async function* () {
    yield await Promise.reject(refused);
  });
  expect(error).toBe(refused);
  expect(out).not.toContain(RESET);
  expect(err).toBe('');
});
