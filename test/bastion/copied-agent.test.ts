import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadAgentConfig } from '../../agent/config.ts';
import { loadEnrolment } from '../../agent/setup/enrolment-file.ts';
import { joinBastion } from '../../agent/setup/join.ts';
import type { CreatedToken } from '../../bastion/service.ts';
import { systemClock } from '../../shared/clock.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import { loadNodeIdentity } from '../../shared/identity/node-identity.ts';
import { silentLogger } from '../../shared/log.ts';
import { Uplink } from '../../shared/tunnel/uplink.ts';
import { startTestBastion } from '../support/running-bastion.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

test('an agent whose key somebody else dials with is noticed when it dials again, and audited once', async () => {
  const bastion = await startTestBastion();
  const created = (await bastion.call('token.create', {
    name: 'web-1',
    labels: {},
  })) as unknown as CreatedToken;
  const dir = join(temporaryDirectory(), 'agent');
  const { publicUrl } = bastion.config;
  const { configPath } = await joinBastion({ dir, url: publicUrl, token: created.token, name: 'web-1' });
  const { dataDir } = await loadAgentConfig(configPath);
  const identity = await loadNodeIdentity(dataDir);
  const { issuer, url } = await loadEnrolment(dataDir);
  /** A process that holds the agent's key. */
  const process = () => {
    const uplink = new Uplink({
      url,
      identity,
      peer: issuer,
      egress: createEgress({}, { env: {}, extraCa: [issuer.ca ?? ''] }),
      tunnels: 1,
      onStream: (incoming) => incoming.refuse('test.refused', 'Nothing is offered here.'),
      clock: systemClock,
      log: silentLogger(),
    });
    onTestFinished(() => uplink.stop('test.closed', 'The test is over.'));
    return uplink;
  };
  const connect = async (uplink: Uplink) => {
    uplink.start();
    await waitFor(() => uplink.pick());
  };
  const agent = process();
  const thief = process();
  await connect(agent);
  await connect(thief);
  expect(await bastion.audit('agent.duplicated')).toEqual([]);
  for (let again = 0; again < 2; again += 1) {
    await agent.stop('test.cut', 'The network was away.');
    await connect(agent);
  }
  const event = await bastion.auditHas('agent.duplicated', { host: 'web-1', sign: 'alternation' });
  expect(event).toMatchObject({ agent: identity.id, sources: ['127.0.0.1', '127.0.0.1'] });
  expect(await bastion.audit('agent.duplicated')).toHaveLength(1);
});
