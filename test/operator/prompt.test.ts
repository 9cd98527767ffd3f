import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { askSecret } from '../../operator/prompt.ts';

function fakeTerminal(isTTY: boolean): {
  input: PassThrough & { isTTY: boolean };
  output: PassThrough;
  shown(): string;
} {
  const output = new PassThrough();
  let text = '';
  output.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { input: Object.assign(new PassThrough(), { isTTY }), output, shown: () => text };
}

describe('askSecret', () => {
  it('gives what was typed and shows none of it', async () => {
    const terminal = fakeTerminal(true);
    const answer = askSecret(terminal, 'Password: ', '');
    terminal.input.write('hunter2\r');
    expect(await answer).toBe('hunter2');
    expect(terminal.shown()).toBe('Password: \n');
  });

  it('lets a typing error be mended', async () => {
    const terminal = fakeTerminal(true);
    const answer = askSecret(terminal, 'Password: ', '');
    terminal.input.write('wrong\u0015hunteé\u007fr2\r');
    expect(await answer).toBe('hunter2');
  });

  it.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-D', '\u0004'],
  ])('is cancelled by %s', async (_name, key) => {
    const terminal = fakeTerminal(true);
    const answer = askSecret(terminal, 'Password: ', '');
    terminal.input.write(key);
    await expect(answer).rejects.toMatchObject({ code: 'prompt.cancelled' });
  });

  it('is cancelled when the terminal goes away', async () => {
    const terminal = fakeTerminal(true);
    const answer = askSecret(terminal, 'Password: ', '');
    terminal.input.end();
    await expect(answer).rejects.toMatchObject({ code: 'prompt.cancelled' });
  });

  it('asks nothing where there is no terminal, and says how else to give the answer', async () => {
    await expect(askSecret(fakeTerminal(false), 'Password: ', 'Give --password-file.')).rejects.toMatchObject(
      {
        code: 'usage.no_terminal',
        hint: 'Give --password-file.',
      },
    );
  });
});
