import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpenFile } from '../../../../bastion/evidence/sftp/open-file.ts';
import { HANDLES_LIMIT, handleKey, OpenHandles } from '../../../../bastion/evidence/sftp/open-handles.ts';

const opened = (path: string) => ({ file: new OpenFile({ path }, 1), folder: false });

describe('OpenHandles', () => {
  it('finds what the server gave a handle for', () => {
    const handles = new OpenHandles();
    const a = opened('a');
    expect(handles.find('h')).toBeUndefined();
    expect(handles.give('h', a)).toBe(true);
    expect(handles.find('h')).toMatchObject(a);
  });

  it('finds nothing behind a handle that the client has given back, until it is given out anew', () => {
    const handles = new OpenHandles();
    const [a, b] = [opened('a'), opened('b')];
    handles.give('h', a);
    handles.closeAsked('h');
    expect(handles.find('h')).toBeUndefined();
    expect(handles.closed('h')?.file).toBe(a.file);
    expect(handles.give('h', b)).toBe(true);
    expect(handles.find('h')?.file).toBe(b.file);
  });

  it('does not let a handle be given out that is in use, or whose close is not answered', () => {
    const handles = new OpenHandles();
    handles.give('h', opened('a'));
    expect(handles.give('h', opened('b'))).toBe(false);
    handles.closeAsked('h');
    expect(handles.give('h', opened('b'))).toBe(false);
    expect([...handles.all()].map(({ file }) => file.path.path)).toEqual(['a']);
  });

  it('does not let one too many be given out', () => {
    const handles = new OpenHandles();
    for (let n = 0; n < HANDLES_LIMIT; n++) expect(handles.give(`h${n}`, opened('a'))).toBe(true);
    expect(handles.give('one more', opened('a'))).toBe(false);
    handles.closed('h0');
    expect(handles.give('one more', opened('a'))).toBe(true);
  });

  it('knows nothing of a handle that nobody has, whatever is done with it', () => {
    const handles = new OpenHandles();
    handles.closeAsked('h');
    expect(handles.closed('h')).toBeUndefined();
    expect(handles.give('h', opened('a'))).toBe(true);
    expect(handles.find('h')).toBeDefined();
    handles.clear();
    expect(handles.find('h')).toBeUndefined();
  });

  it('tells any two handles apart, be they text or not', () => {
    const bytes = fc.uint8Array({ maxLength: 4 }).map((raw) => Buffer.from(raw));
    fc.assert(
      fc.property(bytes, bytes, (one, other) => {
        expect(handleKey(one) === handleKey(other)).toBe(one.equals(other));
      }),
    );
  });
});
