import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { AcmeServer } from '../../../shared/acme/acme-server.ts';
import { obtainCertificate } from '../../../shared/acme/obtain-certificate.ts';
import { AcmeKey } from '../../../shared/identity/acme-key.ts';
import { createPrivateCa } from '../../../shared/tls/private-ca.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const BASE = 'https://acme.test';

/** What a server that means harm, or is broken, answers at each of its addresses. */
async function obtainFrom(answers: Readonly<Record<string, unknown>>): Promise<unknown> {
  const order = {
    status: 'valid',
    authorizations: [],
    finalize: `${BASE}/finalize`,
    certificate: `${BASE}/certificate`,
  };
  const all: Readonly<Record<string, unknown>> = {
    '/directory': { newNonce: `${BASE}/nonce`, newAccount: `${BASE}/account`, newOrder: `${BASE}/order` },
    '/account': {},
    '/order': order,
    '/order/1': order,
    '/finalize': order,
    ...answers,
  };
  const key = await AcmeKey.open(join(temporaryDirectory(), 'account-key.pem'));
  const signal = new AbortController().signal;
  const asked: string[] = [];
  const server = new AcmeServer({
    directoryUrl: `${BASE}/directory`,
    key,
    signal,
    fetch: async (url) => {
      asked.push(url);
      const answer = all[new URL(url).pathname];
      const text = typeof answer === 'string' ? answer : JSON.stringify(answer ?? {});
      return new Response(text, { headers: { 'replay-nonce': 'n', location: `${BASE}/order/1` } });
    },
  });
  const challenges = { answer: () => undefined, close: async () => undefined };
  const obtained = obtainCertificate({
    server,
    key,
    names: ['a.test'],
    email: undefined,
    challenges,
    signal,
  });
  await obtained.catch(() => undefined);
  expect(asked.filter((url) => !url.startsWith('https:'))).toEqual([]);
  return obtained;
}

it('refuses a certificate that is for another key, or none at all', async () => {
  const dir = temporaryDirectory();
  const { certificate } = await createPrivateCa(join(dir, 'ca'), { commonName: 'x', hosts: ['a.test'] });
  await expect(obtainFrom({ '/certificate': readFileSync(certificate, 'utf8') })).rejects.toMatchObject({
    code: 'acme.unexpected',
    message: expect.stringContaining('is for another key'),
  });
  await expect(obtainFrom({ '/certificate': 'nothing of the kind' })).rejects.toMatchObject({
    code: 'acme.unexpected',
    message: expect.stringContaining('no certificate'),
  });
});

it('goes nowhere without TLS, whatever the server names', async () => {
  const plain = 'http://acme.test';
  const places = { newNonce: `${BASE}/nonce`, newAccount: `${BASE}/account`, newOrder: `${plain}/order` };
  await expect(obtainFrom({ '/directory': places })).rejects.toMatchObject({ code: 'acme.not_a_server' });
  const order = { status: 'ready', authorizations: [], finalize: `${plain}/finalize` };
  await expect(obtainFrom({ '/order': order })).rejects.toMatchObject({ code: 'acme.unexpected' });
  await expect(
    obtainFrom({ '/order': { ...order, finalize: `${BASE}/finalize`, authorizations: [`${plain}/1`] } }),
  ).rejects.toMatchObject({ code: 'acme.unexpected' });
});
