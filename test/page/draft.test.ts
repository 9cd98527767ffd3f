import { expect, test } from 'vitest';
import { PolicyDraft } from '../../bastion/page/src/data/draft.ts';

function memory(first?: string) {
  const items = new Map<string, string>();
  if (first !== undefined) items.set('drawbridge.policy-draft', first);
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
}

const DRAFT = { text: 'version: 1\nroles: []\n', version: 7 };

test('what somebody wrote is there again for them, and for nobody else', () => {
  const storage = memory();
  new PolicyDraft(storage).keep('carol', DRAFT);
  const later = new PolicyDraft(storage);
  expect(later.read('carol')).toEqual(DRAFT);
  expect(later.read('dave')).toBeUndefined();
  later.drop();
  expect(later.read('carol')).toBeUndefined();
});

test.each(['', 'no JSON', 'null', '{"writer":"carol","text":1,"version":7}', '["carol"]'])(
  'what was not kept by it is no draft: %s',
  (stored) => {
    expect(new PolicyDraft(memory(stored)).read('carol')).toBeUndefined();
  },
);

test('a browser that keeps nothing does no harm', () => {
  const refuse = () => {
    throw new Error('storage is full, or forbidden');
  };
  const draft = new PolicyDraft({ getItem: refuse, setItem: refuse, removeItem: refuse });
  draft.keep('carol', DRAFT);
  draft.drop();
  expect(draft.read('carol')).toBeUndefined();
});
