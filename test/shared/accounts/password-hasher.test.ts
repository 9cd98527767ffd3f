import { describe, expect, it } from 'vitest';
import { generatePassword, PasswordHasher } from '../../../shared/accounts/password-hasher.ts';

describe('passwords', () => {
  it('are right when they are the same, and wrong when anything differs', async () => {
    const hasher = new PasswordHasher();
    const stored = await hasher.hash('correct horse battery');
    expect(await hasher.verify('correct horse battery', stored)).toBe(true);
    expect(await hasher.verify('correct horse batterY', stored)).toBe(false);
    expect(await hasher.verify('', stored)).toBe(false);
  });

  it('are stored with their costs, which are at least 2^15 blocks of 8, and a salt of their own', async () => {
    const hasher = new PasswordHasher();
    const [one, two] = await Promise.all([hasher.hash('the same one'), hasher.hash('the same one')]);
    expect(one).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$/);
    expect(one).not.toBe(two);
  });

  it('are checked with the costs that are stored with them', async () => {
    const cheap = '$scrypt$ln=4,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$xpyhX/2XfYuZkbfhZEUaJ0e3w8PhVINxvCd5DsfYLfM';
    expect(await new PasswordHasher().verify('anything', cheap)).toBe(false);
  });

  it('that bastions stored before are still right, and no others of that form', async () => {
    const hasher = new PasswordHasher();
    const earlier = 'scrypt$32768$8$3$MDEyMzQ1Njc4OWFiY2RlZg$vCTD0HTZVbl5z9OUdRJAf9pM--jYQZf8h0knbCH3ZfA';
    expect(await hasher.verify('an earlier password', earlier)).toBe(true);
    expect(await hasher.verify('another password', earlier)).toBe(false);
    await expect(hasher.verify('x', earlier.replace('32768', '65536'))).rejects.toMatchObject({
      code: 'store.unreadable',
    });
  });

  it('are dearer where that is asked for', async () => {
    const hasher = new PasswordHasher({ parallelism: 3, atOnce: 1, waiting: 32 });
    const stored = await hasher.hash('correct horse battery');
    expect(stored).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$/);
    expect(await new PasswordHasher().verify('correct horse battery', stored)).toBe(true);
  });

  it('take as long for an account that does not exist', async () => {
    const hasher = new PasswordHasher();
    const stored = await hasher.hash('correct horse battery');
    const timed = async (hash: string | undefined): Promise<number> => {
      const startMs = performance.now();
      for (let round = 0; round < 5; round++) await hasher.verify('wrong', hash);
      return performance.now() - startMs;
    };
    await timed(stored);
    const [known, unknown] = [await timed(stored), await timed(undefined)];
    expect(unknown).toBeGreaterThan(known / 4);
    expect(await hasher.verify('wrong', undefined)).toBe(false);
  });

  it('are the same however an accented letter was typed', async () => {
    const hasher = new PasswordHasher();
    expect(await hasher.verify('caf\u00e9 au lait', await hasher.hash('cafe\u0301 au lait'))).toBe(true);
  });

  it('refuses more work than it can do in a few seconds, and goes on with what it has', async () => {
    const hasher = new PasswordHasher();
    const cheap = '$scrypt$ln=4,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$xpyhX/2XfYuZkbfhZEUaJ0e3w8PhVINxvCd5DsfYLfM';
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => hasher.verify('x', cheap)));
    const busy = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(busy.length).toBe(100 - 2 - 64);
    for (const outcome of busy) expect(outcome).toMatchObject({ reason: { code: 'login.busy' } });
    expect(await hasher.verify('x', cheap)).toBe(false);
  });

  it('refuses a stored hash that is not one', async () => {
    const bombs = [
      '',
      'plain',
      '$scrypt$ln=40,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$xpyhX/2XfYuZkbfhZEUaJ0e3w8PhVINx',
    ];
    for (const stored of bombs) {
      await expect(new PasswordHasher().verify('x', stored)).rejects.toMatchObject({
        code: 'store.unreadable',
      });
    }
  });

  it('are made up with 25 characters that cannot be confused', () => {
    const made = new Set(Array.from({ length: 50 }, () => generatePassword()));
    expect(made.size).toBe(50);
    for (const password of made) expect(password).toMatch(/^([a-hjkmnp-z2-9]{5}-){4}[a-hjkmnp-z2-9]{5}$/);
  });
});
