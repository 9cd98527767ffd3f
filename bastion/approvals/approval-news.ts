import type { Grant } from './grant.ts';
import type { ParkedRequest } from './parked-request.ts';

/** What has happened to a request or a grant; for those who are told of it elsewhere. */
export interface ApprovalNews {
  readonly kind: 'requested' | 'approved' | 'granted' | 'refused' | 'expired' | 'withdrawn' | 'revoked';
  readonly request?: ParkedRequest;
  readonly grant?: Grant;
}
