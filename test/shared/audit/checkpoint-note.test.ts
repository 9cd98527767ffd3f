import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { openCheckpoint, signCheckpoint } from '../../../shared/audit/checkpoint-note.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const root = Buffer.alloc(32, 7);
let bastion: NodeIdentity;

beforeEach(async () => {
  bastion = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
});

describe('a checkpoint note', () => {
  it('has the form of C2SP signed-note and tlog-checkpoint', () => {
    const note = signCheckpoint(bastion, 1234, root);
    const lines = note.split('\n');
    expect(lines.slice(0, 4)).toEqual([`drawbridge/${bastion.id}`, '1234', root.toString('base64'), '']);
    expect(lines[4]).toMatch(new RegExp(`^\u2014 drawbridge/${bastion.id} [A-Za-z0-9+/]{91}=$`));
    expect(lines.slice(5)).toEqual(['']);
    expect(openCheckpoint(note, bastion.publicJwk)).toEqual({
      id: bastion.id,
      size: 1234,
      root: root.toString('base64'),
    });
  });

  it('may carry the signatures of others, which prove nothing here', async () => {
    const other = await createNodeIdentity(temporaryDirectory(), 'proxy', 'central');
    const note = signCheckpoint(bastion, 3, root);
    const foreignLine = signCheckpoint(other, 3, root).split('\n')[4];
    expect(openCheckpoint(`${note}${foreignLine}\n`, bastion.publicJwk).size).toBe(3);
    const onlyForeign = `${note.split('\n').slice(0, 4).join('\n')}\n${foreignLine}\n`;
    expect(() => openCheckpoint(onlyForeign, bastion.publicJwk)).toThrow('signature does not fit');
  });

  it('is refused when it is about the log of somebody else', async () => {
    const other = await createNodeIdentity(temporaryDirectory(), 'bastion', 'acme');
    expect(() => openCheckpoint(signCheckpoint(other, 3, root), bastion.publicJwk)).toThrow(
      `log of ${other.id}`,
    );
    const borrowed = signCheckpoint({ ...other, id: bastion.id }, 3, root);
    expect(() => openCheckpoint(borrowed, bastion.publicJwk)).toThrow('signature does not fit');
  });

  it('is refused when any one character is changed, put in or taken out', () => {
    const note = signCheckpoint(bastion, 1234, root);
    const characters = fc.constantFrom(...'ABab019+/= \n-\u2014');
    fc.assert(
      fc.property(fc.nat(note.length - 1), characters, fc.constantFrom(0, 1), (at, character, removed) => {
        const changed = note.slice(0, at) + character + note.slice(at + removed);
        fc.pre(changed !== note);
        expect(() => openCheckpoint(changed, bastion.publicJwk)).toThrow(
          expect.objectContaining({ code: 'audit.bad_checkpoint' }),
        );
      }),
      { numRuns: 1000 },
    );
    for (let at = 0; at < note.length; at += 1) {
      const shorter = note.slice(0, at) + note.slice(at + 1);
      if (shorter !== note) expect(() => openCheckpoint(shorter, bastion.publicJwk)).toThrow();
    }
  });

  it('is refused, whatever text comes in its place', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(() => openCheckpoint(text, bastion.publicJwk)).toThrow('not valid');
      }),
    );
    expect(() => openCheckpoint('x\n'.repeat(100_000), bastion.publicJwk)).toThrow('not valid');
  });
});
