import { describe, expect, it } from 'vitest';
import { loginEnvironment, RequestedEnvironment } from '../../../agent/shell/environment.ts';

const account = { name: 'deploy', uid: 1000, gid: 1000, home: '/home/deploy', shell: '/bin/bash' };

describe('the environment of a login', () => {
  it('takes the names that are harmless and no others', () => {
    const requested = new RequestedEnvironment();
    for (const name of ['LANG', 'LC_ALL', 'LC_TIME', 'COLORTERM', 'GIT_PROTOCOL', 'DRAWBRIDGE_OPERATOR'])
      expect(requested.set(name, Buffer.from('x')), name).toBe(true);
    for (const name of [
      'PATH',
      'LD_PRELOAD',
      'BASH_ENV',
      'ENV',
      'HOME',
      'SHELL',
      'IFS',
      'LC_',
      'lc_all',
      'A=B',
      '',
    ])
      expect(requested.set(name, Buffer.from('x')), name).toBe(false);
  });

  it('has limits for number and size', () => {
    const requested = new RequestedEnvironment();
    expect(requested.set('LC_A', Buffer.alloc(4097, 'x'))).toBe(false);
    expect(requested.set('LC_A', Buffer.from('a\0b'))).toBe(false);
    for (let index = 0; index < 64; index += 1)
      expect(requested.set(`LC_${index}`, Buffer.from('x'))).toBe(true);
    expect(requested.set('LC_MORE', Buffer.from('x'))).toBe(false);
    expect(requested.set('LC_0', Buffer.from('y'))).toBe(true);
  });

  it("is the account's, with nothing of the agent's but its language", () => {
    const requested = new RequestedEnvironment();
    requested.set('DRAWBRIDGE_SOURCE', Buffer.from('203.0.113.7'));
    const agent = { LANG: 'de_DE.UTF-8', SECRET: 'x', PATH: '/agent' };
    expect(loginEnvironment(account, requested, agent, 'xterm')).toEqual({
      LANG: 'de_DE.UTF-8',
      DRAWBRIDGE_SOURCE: '203.0.113.7',
      USER: 'deploy',
      LOGNAME: 'deploy',
      HOME: '/home/deploy',
      SHELL: '/bin/bash',
      PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games',
      MAIL: '/var/mail/deploy',
      SSH_CLIENT: '203.0.113.7 0 22',
      SSH_CONNECTION: '203.0.113.7 0 127.0.0.1 22',
      TERM: 'xterm',
    });
  });
});
