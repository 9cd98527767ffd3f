import { expect, test } from 'vitest';
import { OPENING_STREAMS_PER_OPERATOR_MAX } from '../../../bastion/admission/admission.ts';
import { startTestBastion } from '../../support/running-bastion.ts';
import { waitFor } from '../../support/wait-for.ts';

test('an operator who begins connections and never signs in keeps nobody else out', async () => {
  const bastion = await startTestBastion({
    // Never dialled: nobody gets as far as a login.
    hosts: async () => [{ name: 'web-1', address: { host: '127.0.0.1', port: 9 }, labels: {} }],
  });
  await bastion.accessOn();
  const begin = async (sub: string) =>
    bastion.proxy.ask({ host: 'web-1', pass: await bastion.proxy.pass({ sub }) });
  const begun = await Promise.all(
    Array.from({ length: OPENING_STREAMS_PER_OPERATOR_MAX }, () => begin('alice')),
  );
  await Promise.all(begun.map(({ reply }) => reply));
  await expect((await begin('alice')).reply).rejects.toMatchObject({ code: 'bastion.busy' });
  await expect((await begin('bob')).reply).resolves.toMatchObject({ ok: true });

  begun[0]?.stream.destroy();
  await waitFor(async () => (await begin('alice')).reply, { what: 'room for another connection' });
});
