import { describe, expect, it } from 'vitest';
import type { AdmittedStream } from '../../../bastion/admission/admission.ts';
import { LoginEntries } from '../../../bastion/ssh/login-entries.ts';
import type { SessionContext, SessionServices } from '../../../bastion/ssh/session-context.ts';
import { silentLogger } from '../../../shared/log.ts';

const LOCKED = { code: 'operator.locked', reason: 'you are locked' };

/** What is entered of alice, who comes to web-1 with a good pass. */
function entriesOfAlice({ failing = false, gate = new AbortController() } = {}) {
  const entered: Record<string, unknown>[] = [];
  const refusals = {
    add: async (event: Record<string, unknown>) => {
      if (failing) throw new Error('the disk is full');
      entered.push(event);
    },
  };
  const admitted = {
    ...{ claims: { sub: 'alice', jti: 'p-1', cnf: 'SHA256:x' }, host: { name: 'web-1' }, gate: gate.signal },
    source: '192.0.2.7',
  } as unknown as AdmittedStream;
  const services = { refusals, log: silentLogger() } as unknown as SessionServices;
  return { entries: new LoginEntries(services, admitted), entered, gate };
}

describe('the entries of a login', () => {
  it('say who was let in, by which pass and key, and with which client', async () => {
    const recorded: unknown[] = [];
    const context = {
      record: async (type: string, fields: object) => void recorded.push({ type, ...fields }),
    } as unknown as SessionContext;
    await entriesOfAlice().entries.enterAdmitted(context, 'OpenSSH_9.9');
    expect(recorded).toEqual([
      expect.objectContaining({
        ...{ type: 'operator.admitted', pass: 'p-1', fingerprint: 'SHA256:x', client: 'OpenSSH_9.9' },
      }),
    ]);
  });

  it('say why somebody was refused, once for a connection', async () => {
    const { entries, entered } = entriesOfAlice();
    expect(await entries.enterRefused('root', LOCKED)).toBe(true);
    expect(await entries.enterRefused('root', LOCKED)).toBe(false);
    await entries.enterUnproved('the connection closed');
    expect(entered).toEqual([
      {
        ...{ type: 'operator.refused', actor: 'operator:alice', operator: 'alice', host: 'web-1' },
        ...{ login: 'root', source: '192.0.2.7', ...LOCKED },
      },
    ]);
  });

  it('hold of a login no more than a person can read', async () => {
    const { entries, entered } = entriesOfAlice();
    await entries.enterRefused(`\u001b[2J${'x'.repeat(100)}`, LOCKED);
    expect(entered[0]?.['login']).toBe(`?[2J${'x'.repeat(60)}`);
  });

  it('that can not be stored do not keep the operator from being told', async () => {
    const { entries } = entriesOfAlice({ failing: true });
    expect(await entries.enterRefused('root', LOCKED)).toBe(true);
  });

  it('say that the key of a good pass was not proved, or that access was turned off before', async () => {
    const { entries, entered, gate } = entriesOfAlice();
    await entries.enterUnproved('the connection closed');
    gate.abort({ code: 'access.off', message: 'Turned off.' });
    await entries.enterUnproved('the connection closed');
    expect(entered).toMatchObject([
      { code: 'key.not_proved', reason: 'the key of the pass was not proved: the connection closed' },
      { code: 'access.off', reason: 'Turned off.' },
    ]);
  });
});
