import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LateEvents } from '../../bastion/admins/late-events.ts';
import type { AdminProviderConfig } from '../../bastion/admins/provider/config.ts';
import { CALLBACK_PATH, ProviderSignIn } from '../../bastion/admins/provider/provider-sign-in.ts';
import type { AuditEventInput } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { systemClock } from '../../shared/clock.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import { silentLogger } from '../../shared/log.ts';
import { startIdentityProvider, type TestIdentityProvider } from './identity-provider.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const SECRET = 'a:secret&with%signs=of+URLs';
const CLIENT_ID = 'bastion acme';

/** A real directory, and the bastion's sign-in by it. */
export interface AdminProvider {
  readonly directory: TestIdentityProvider;
  readonly config: AdminProviderConfig;
  readonly events: readonly AuditEventInput[];
  /** The sign-in, set up as told. */
  open(more?: Partial<AdminProviderConfig>, clock?: Clock): Promise<ProviderSignIn>;
}

/** Starts a directory that knows the bastion at `pageUrl`, and another client, `shop`. It ends with the test. */
export async function startAdminProvider(pageUrl: string): Promise<AdminProvider> {
  const redirectUri = `${pageUrl}${CALLBACK_PATH}`;
  const directory = await startIdentityProvider([
    { id: CLIENT_ID, secret: SECRET, redirectUri },
    { id: 'shop', secret: SECRET, redirectUri },
  ]);
  const clientSecretFile = join(temporaryDirectory(), 'client.secret');
  writeFileSync(clientSecretFile, `${SECRET}\n`, { mode: 0o600 });
  const events: AuditEventInput[] = [];
  const append = async (event: AuditEventInput) => {
    events.push(event);
    return { ...event, id: '', seq: events.length, time: '', prev: '', hash: '' };
  };
  const config: AdminProviderConfig = {
    name: 'corp',
    title: 'Acme Directory',
    issuer: directory.issuer,
    clientId: CLIENT_ID,
    clientSecretFile,
    scopes: ['openid', 'profile'],
    algorithms: ['RS256'],
    usernameClaim: 'preferred_username',
    groupsClaim: 'groups',
    acrMeans: {},
    signInFor: 3_600_000,
    roles: { viewer: ['auditors'], approver: ['support'], admin: ['it'] },
  };
  return {
    directory,
    config,
    events,
    open: (more = {}, clock = systemClock) =>
      ProviderSignIn.open({
        config: { ...config, ...more },
        publicUrl: pageUrl,
        egress: createEgress({ caBundle: directory.caPath }),
        late: new LateEvents({ audit: { append }, clock, log: silentLogger() }),
        clock,
        log: silentLogger(),
      }),
  };
}
