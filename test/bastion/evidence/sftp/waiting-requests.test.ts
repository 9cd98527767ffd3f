import { describe, expect, it } from 'vitest';
import { OpenFile } from '../../../../bastion/evidence/sftp/open-file.ts';
import {
  NAMED_REQUESTS_LIMIT,
  REQUESTS_BEFORE_HOLD,
  REQUESTS_LIMIT,
  type Request,
  WaitingRequests,
} from '../../../../bastion/evidence/sftp/waiting-requests.ts';

const file = new OpenFile({ path: 'a' }, 1);
const named: Request = { kind: 'open', file };
const nameless: Request = { kind: 'other' };

function filled(count: number, request: Request): WaitingRequests {
  const requests = new WaitingRequests();
  for (let id = 0; id < count; id++) expect(requests.add(id, request)).toBeUndefined();
  return requests;
}

describe('WaitingRequests', () => {
  it('gives a request back once', () => {
    const requests = filled(1, named);
    expect(requests.take(0)).toBe(named);
    expect(requests.take(0)).toBeUndefined();
  });

  it('has nothing for an id that was not used', () => {
    expect(filled(1, named).take(7)).toBeUndefined();
  });

  it('refuses an id that still waits, and keeps the request that had it first', () => {
    const requests = filled(1, named);
    expect(requests.add(0, nameless)).toContain('still waiting');
    expect([...requests.all()]).toEqual([named]);
    requests.take(0);
    expect(requests.add(0, nameless)).toBeUndefined();
  });

  it('refuses one name too many, and enters it to be told of', () => {
    const requests = filled(NAMED_REQUESTS_LIMIT, named);
    expect(requests.add(NAMED_REQUESTS_LIMIT, { kind: 'list', file })).toContain('too many');
    expect([...requests.all()]).toHaveLength(NAMED_REQUESTS_LIMIT + 1);
  });

  it('counts a name no longer once it is answered', () => {
    const requests = filled(NAMED_REQUESTS_LIMIT, named);
    requests.take(3);
    expect(requests.add(3, named)).toBeUndefined();
  });

  it('asks to hold the client up before it refuses', () => {
    const requests = filled(REQUESTS_BEFORE_HOLD - 1, nameless);
    expect(requests.shouldHold).toBe(false);
    expect(requests.add(REQUESTS_BEFORE_HOLD, nameless)).toBeUndefined();
    expect(requests.shouldHold).toBe(true);
    requests.take(0);
    expect(requests.shouldHold).toBe(false);
  });

  it('refuses one request too many, names or not', () => {
    const requests = new WaitingRequests();
    let id = 0;
    while (requests.add(id, nameless) === undefined) id++;
    expect(id).toBe(REQUESTS_LIMIT);
  });

  it('tells what waits in the order in which it was asked, and of nothing when it is over', () => {
    const requests = new WaitingRequests();
    requests.add(9, nameless);
    requests.add(2, named);
    expect([...requests.all()]).toEqual([nameless, named]);
    requests.clear();
    expect([...requests.all()]).toEqual([]);
    expect(requests.take(9)).toBeUndefined();
  });
});
