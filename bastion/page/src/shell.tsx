import { useEffect, useRef } from 'preact/hooks';
import type { ApprovalList, Status } from '../../web/api.ts';
import { usePage } from './data/context.ts';
import { type Resource, useResource } from './data/use-resource.ts';
import { Link, useLocation } from './router.tsx';
import { Announcements } from './ui/announcements.tsx';
import { BreakableName } from './ui/breakable-name.tsx';
import { ConnectionNote, useIsLost } from './ui/connection-note.tsx';
import { Icon, type IconName } from './ui/icon.tsx';
import { useKeptFocus } from './ui/use-kept-focus.ts';
import { Zone } from './ui/zone.tsx';
import { AccountView } from './views/account.tsx';
import { ApprovalsView } from './views/approvals.tsx';
import { AuditView } from './views/audit.tsx';
import { HostsView } from './views/hosts.tsx';
import { OverviewView } from './views/overview.tsx';
import { isPolicyPath, PolicyView } from './views/policy.tsx';
import { SessionView } from './views/session.tsx';
import { SessionsView } from './views/sessions.tsx';
import { SettingsView } from './views/settings.tsx';

const PLACES: readonly { href: string; name: string; icon: IconName }[] = [
  { href: '/', name: 'Overview', icon: 'gate' },
  { href: '/approvals', name: 'Approvals', icon: 'hand' },
  { href: '/sessions', name: 'Sessions', icon: 'terminal' },
  { href: '/audit', name: 'Audit log', icon: 'list' },
  { href: '/hosts', name: 'Hosts', icon: 'server' },
  { href: '/policy', name: 'Policy', icon: 'shield' },
  { href: '/settings', name: 'Settings', icon: 'settings' },
];

/** What events change the figures that every view shows. */
const STATUS_EVENTS = /^(access|session|agent|tunnel|checkpoint|bastion|operator)\./;

/** The frame around every view: places, the state of access, the state of the connection. */
export function Shell({ onSignOut }: { onSignOut: () => void }) {
  const { path } = useLocation();
  const { me } = usePage();
  const status = useResource<Status>('/api/status', ({ type }) => STATUS_EVENTS.test(type));
  const approvals = useResource<ApprovalList>('/api/approvals', ({ type }) =>
    /^(approval|access|policy|operator)\./.test(type),
  );
  const counts: Readonly<Record<string, { count: number; what: string }>> = {
    '/sessions': { count: status.data?.liveSessions ?? 0, what: 'live' },
    '/approvals': { count: approvals.data?.requests.length ?? 0, what: 'waiting' },
  };
  const main = useMainFocus(path);
  useKeptFocus(main);
  const isLost = useIsLost();
  const place = PLACES.findLast(({ href }) => (href === '/' ? path === '/' : path.startsWith(href)));
  useEffect(() => {
    document.title = `${place?.name ?? 'Account'} · ${status.data?.name ?? 'Drawbridge'}`;
  }, [place, status.data?.name]);
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="side">
        <div class="brand">
          <span class="brand-mark" aria-hidden="true">
            <Icon name="gate" />
          </span>
          <span class="brand-name">{status.data?.name ?? 'Drawbridge'}</span>
          {status.data !== undefined && <AccessChip state={status.data.access.state} isOld={isLost} />}
        </div>
        <nav class="places" aria-label="Main">
          {PLACES.map(({ href, name, icon }) => (
            <Link key={href} href={href} class="place" current={place?.href === href}>
              <Icon name={icon} />
              <span>{name}</span>
              <Count {...counts[href]} />
            </Link>
          ))}
        </nav>
        <div class="who">
          <Link href="/account" class="place" current={path === '/account'}>
            <Icon name="person" />
            <span class="who-name" title={me.username}>
              <BreakableName name={me.username} />
            </span>
          </Link>
          <button type="button" class="place sign-out" onClick={onSignOut}>
            <Icon name="leave" />
            Sign out
          </button>
        </div>
      </header>
      <main id="main" class="content" ref={main} tabIndex={-1}>
        <ConnectionNote isLost={isLost} />
        <Announcements access={status.data?.access.state} waiting={approvals.data?.requests.length} />
        <View path={path} status={status} isOld={isLost} approvals={approvals} />
        <Zone />
      </main>
    </div>
  );
}

/** Whoever goes to another view by the keyboard goes on reading there, not at the top of the page. */
function useMainFocus(path: string) {
  const main = useRef<HTMLElement>(null);
  const shown = useRef(path);
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    main.current?.focus({ preventScroll: true });
  }, [path]);
  return main;
}

/** A part of an address; one that was typed may not be decodable, and leads to nothing then. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** How many there are of what wants a look. */
function Count({ count = 0, what }: { count?: number; what?: string }) {
  if (count === 0) return null;
  return (
    <span class={`count count-${what}`} title={what}>
      {count}
      <span class="sr-only"> {what}</span>
    </span>
  );
}

interface ViewProps {
  readonly path: string;
  readonly status: Resource<Status>;
  readonly isOld: boolean;
  readonly approvals: Resource<ApprovalList>;
}

function View({ path, status, isOld, approvals }: ViewProps) {
  const session = /^\/sessions\/([^/]+)$/.exec(path)?.[1];
  if (session !== undefined) return <SessionView key={session} id={decoded(session)} />;
  if (isPolicyPath(path)) return <PolicyView path={path} />;
  switch (path) {
    case '/':
      return <OverviewView status={status} isOld={isOld} approvals={approvals} />;
    case '/approvals':
      return <ApprovalsView approvals={approvals} />;
    case '/sessions':
      return <SessionsView />;
    case '/audit':
      return <AuditView />;
    case '/hosts':
      return <HostsView />;
    case '/settings':
      return <SettingsView status={status} />;
    case '/account':
      return <AccountView />;
    default:
      return (
        <section class="view">
          <h1>There is nothing here</h1>
          <p class="muted">
            This address leads to no view. Go to the <Link href="/">overview</Link>.
          </p>
        </section>
      );
  }
}

/** The switch as it was last heard of, and the way to it from everywhere. */
function AccessChip({ state, isOld }: { state: 'on' | 'off'; isOld: boolean }) {
  const words = `Remote access ${isOld ? 'was' : 'is'} ${state}`;
  return (
    <Link href="/" class={`chip ${isOld ? 'chip-old' : `chip-${state}`}`} label={`${words}. To the switch`}>
      <span class="dot" aria-hidden="true" />
      {isOld ? `Was ${state}` : state === 'on' ? 'On' : 'Off'}
    </Link>
  );
}
