import { describe, expect, it } from 'vitest';
import { CHANNELS_MAX, OperatorChannels } from '../../../bastion/ssh/operator-channels.ts';
import type { SessionContext } from '../../../bastion/ssh/session-context.ts';

/** A channel that says what is done to it, and finishes when the test says so. */
function channel(done: string[] = [], name = 'a') {
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const silence = () => void done.push(`${name} silenced`);
  const cut = (message: string) => void done.push(`${name} cut: ${message}`);
  return { silence, cut, finished, finish };
}

/** One more channel that asks to be served: whether it was, and what was entered and said. */
async function askFor(channels: OperatorChannels) {
  const entered: unknown[] = [];
  const said: string[] = [];
  let served = false;
  const context = {
    services: { bastionName: 'acme' },
    recordRefusal: async (_type: string, { reason }: { reason: string }) => {
      expect(said).toEqual([]);
      entered.push(reason);
    },
  } as unknown as SessionContext;
  await channels.admit({ refuse: (sentence) => said.push(sentence) }, context, () => {
    served = true;
  });
  return { served, entered, said };
}

describe('the channels of an operator', () => {
  const roomy = { channelRefusal: () => undefined };

  it('are served while there is room for them', async () => {
    expect(await askFor(new OperatorChannels(roomy))).toEqual({ served: true, entered: [], said: [] });
  });

  it('are refused when the session has too many, after that was entered, until one has finished', async () => {
    const channels = new OperatorChannels(roomy);
    const first = channel();
    channels.keep(first);
    for (let n = 1; n < CHANNELS_MAX; n++) channels.keep(channel());
    const reason = `a session may have ${CHANNELS_MAX} channels open`;
    expect(await askFor(channels)).toEqual({
      served: false,
      entered: [reason],
      said: [`acme refused: ${reason}.`],
    });
    first.finish();
    await first.finished;
    expect((await askFor(channels)).served).toBe(true);
  });

  it('are refused when the whole bastion has too many', async () => {
    const channels = new OperatorChannels({ channelRefusal: () => 'the bastion is full' });
    expect(await askFor(channels)).toMatchObject({ served: false, entered: ['the bastion is full'] });
  });

  it('are not refused in silence when that can not be entered', async () => {
    const channels = new OperatorChannels({ channelRefusal: () => 'full' });
    const context = {
      recordRefusal: async () => {
        throw new Error('the disk is full');
      },
    } as unknown as SessionContext;
    const asked = channels.admit({ refuse: () => undefined }, context, () => undefined);
    await expect(asked).rejects.toThrow('the disk is full');
  });

  it('are all silenced by the time that this returns, and cut with the reason', () => {
    const done: string[] = [];
    const channels = new OperatorChannels(roomy);
    channels.keep(channel(done, 'a'));
    channels.keep(channel(done, 'b'));
    channels.silence();
    expect(done).toEqual(['a silenced', 'b silenced']);
    channels.cut('Turned off.');
    expect(done.slice(2)).toEqual(['a cut: Turned off.', 'b cut: Turned off.']);
  });

  it('have finished when the last one has', async () => {
    const channels = new OperatorChannels(roomy);
    const [a, b] = [channel(), channel()];
    channels.keep(a);
    channels.keep(b);
    let over = false;
    const finished = channels.finished().then(() => {
      over = true;
    });
    a.finish();
    await a.finished;
    expect(over).toBe(false);
    b.finish();
    await finished;
  });
});
