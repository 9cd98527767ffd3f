import type { ComponentChildren } from 'preact';
import type { Settings, Status } from '../../../web/api.ts';
import { mayAdminister, usePage } from '../data/context.ts';
import { type Resource, useResource } from '../data/use-resource.ts';
import { Block } from '../ui/block.tsx';
import { lengthWords, sizeWords } from '../ui/format.ts';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';
import { Administrators } from './administrators.tsx';
import { ApiTokens } from './api-tokens.tsx';
import { DirectoryFailure } from './directory-failure.tsx';
import { shippingWords } from './evidence-card.tsx';

type Fact = readonly [name: string, value: ComponentChildren];

/** Who may sign in, whom the bastion trusts, and what it keeps how long. */
export function SettingsView({ status }: { status: Resource<Status> }) {
  const { me } = usePage();
  const settings = useResource<Settings>('/api/settings', ({ type }) =>
    /^(admin|proxy|bastion)\./.test(type),
  );
  return (
    <section class="view">
      <h1>Settings</h1>
      {mayAdminister(me) && <Administrators />}
      {mayAdminister(me) && <ApiTokens />}
      {settings.error !== undefined && <ErrorNote error={settings.error} retry={settings.reload} />}
      {settings.data === undefined && settings.error === undefined && <Loading />}
      {settings.data !== undefined && (
        <>
          {settings.data.directory !== undefined && <Directory directory={settings.data.directory} />}
          <Trust settings={settings.data} />
          <Keeping settings={settings.data} status={status.data} />
          <p class="muted block">
            What stands here is decided in <code>bastion.yaml</code> on the machine and takes effect when the
            bastion is started again.
          </p>
        </>
      )}
    </section>
  );
}

function Directory({ directory }: { directory: NonNullable<Settings['directory']> }) {
  const { title, name, issuer, clientId, callback, roles, requireAmr, signInForMs } = directory;
  const { lastSignIn, lastFailure } = directory;
  const groups = (['admin', 'approver', 'viewer'] as const).filter((role) => roles[role].length > 0);
  return (
    <Block title="Your directory">
      <Facts
        facts={[
          ['Name', `${title}; its people are ${name}/…`],
          ['Issuer', issuer],
          ['Client id', clientId],
          ['Sends browsers back to', callback],
          ...groups.map((role): Fact => [`Groups with the role ${role}`, roles[role].join(', ')]),
          ...(requireAmr === undefined ? [] : [['One of these was used', requireAmr.join(', ')] as Fact]),
          [
            'A sign-in lasts',
            `${lengthWords(signInForMs)}, or until somebody ends it; the directory is not asked in between`,
          ],
          [
            'Last sign-in',
            lastSignIn === undefined ? (
              'none since the bastion started'
            ) : (
              <>
                <Moment at={lastSignIn.at} />: {lastSignIn.username}
              </>
            ),
          ],
          [
            'Last failure',
            lastFailure === undefined ? (
              'none since the bastion started'
            ) : (
              <DirectoryFailure failure={lastFailure} />
            ),
          ],
        ]}
      />
      <p class="muted">
        On the bastion's machine, <code>drawbridge doctor</code> checks the way to it.
      </p>
    </Block>
  );
}

function Trust({ settings: { proxy, trust, keys, publicUrl } }: { settings: Settings }) {
  const vendor: readonly Fact[] =
    proxy === undefined
      ? [['Proxy', 'not joined yet']]
      : [
          ['Proxy', `${proxy.name}, ${proxy.address}`],
          ['Its key', <code>{proxy.key}</code>],
          ['Its id', <code>{proxy.id}</code>],
        ];
  const word: Fact =
    trust.mode === 'proxy'
      ? ['Who vouches for operators', 'the proxy']
      : [
          'Who vouches for operators',
          trust.providers.map(({ issuer, clientId }) => `${issuer} (${clientId})`).join(', '),
        ];
  return (
    <>
      <Block title="The vendor">
        <Facts facts={[...vendor, word]} />
        <p class="muted">
          Compare the key with the one that the vendor tells you by another way: it was pinned when this
          bastion joined, and nobody without it can speak for the proxy.
        </p>
      </Block>
      <Block title="This bastion">
        <Facts
          facts={[
            ['Address', publicUrl],
            ['Its key', <code>{keys.bastion}</code>],
            ['SSH host key, for operators', <code>{keys.sshHostKey}</code>],
            ['SSH key towards hosts', <code>{keys.sshClientKey}</code>],
            ['TLS certificate', <code>{keys.certificate}</code>],
          ]}
        />
      </Block>
    </>
  );
}

function Keeping({ settings, status }: { settings: Settings; status: Status | undefined }) {
  const { recordings, shipping } = settings;
  const { keepForMs, keepBytes, compressAfterMs } = recordings;
  return (
    <>
      <Block title="What is kept">
        <Facts
          facts={[
            [
              'Recordings',
              keepForMs === undefined ? 'until somebody deletes them' : `for ${lengthWords(keepForMs)}`,
            ],
            ...(keepBytes === undefined
              ? []
              : [['At most', `${sizeWords(keepBytes)}, the oldest go first`] as Fact]),
            ['Compressed', compressAfterMs === undefined ? 'never' : `after ${lengthWords(compressAfterMs)}`],
            ['In', <code>{recordings.directory}</code>],
            ['Audit log', 'for good'],
          ]}
        />
      </Block>
      <Block title="Where events are shipped">
        {shipping.length === 0 ? (
          <p class="muted">
            Nowhere. Name a receiver under <code>ship</code> in <code>bastion.yaml</code> to keep a copy
            elsewhere.
          </p>
        ) : (
          <Facts
            facts={shipping.map(({ name, kind, to }): Fact => {
              const state = status?.evidence.shipping.find((one) => one.name === name);
              return [name, `${kind}, ${to}${state === undefined ? '' : `: ${shippingWords(state)}`}`];
            })}
          />
        )}
      </Block>
    </>
  );
}

function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl class="card setting-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
