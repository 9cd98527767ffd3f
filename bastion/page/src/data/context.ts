import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Me } from '../../../web/api.ts';
import type { ApiClient } from './api-client.ts';
import { BastionClock } from './bastion-clock.ts';
import type { PolicyDraft } from './draft.ts';
import type { Updates } from './updates.ts';

/** What every view of a signed-in page can reach. */
export interface PageContext {
  readonly api: ApiClient;
  readonly updates: Updates;
  readonly me: Me;
  readonly draft: PolicyDraft;
}

export const PageContextProvider = createContext<PageContext | undefined>(undefined);

export function usePage(): PageContext {
  const page = useContext(PageContextProvider);
  if (page === undefined) throw new Error('this part of the page needs somebody to be signed in');
  return page;
}

/** Whether the person may switch access and end sessions. */
export function mayControl(me: Me): boolean {
  return me.role !== 'viewer';
}

/** Whether the person may change hosts and tokens. */
export function mayAdminister(me: Me): boolean {
  return me.role === 'admin';
}

/** The bastion's time, also where nobody is signed in. */
export const ClockContext = createContext(new BastionClock());

export function useClock(): BastionClock {
  return useContext(ClockContext);
}
