import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderUnit, type UnitParts, unitName } from '../../../cli/service/unit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** systemd's own word for a service whose exposure is at most this: OK (its scale ends at 10, UNSAFE). */
const EXPOSURE_LIMIT = 25;

const parts = (role: UnitParts['role'], startsShells = false): UnitParts => ({
  role,
  configPath: `/etc/drawbridge/${role}.yaml`,
  writable: ['/var/lib/drawbridge'],
  // Programs that are there: systemd-analyze looks for them.
  command: ['/usr/bin/env', '/usr/bin/true'],
  startsShells,
});

const units = [
  ['proxy', parts('proxy')],
  ['bastion', parts('bastion')],
  ['agent that leads to sshd', parts('agent')],
  ['agent that starts shells', parts('agent', true)],
] as const;

function write(unit: UnitParts): string {
  const path = join(temporaryDirectory(), unitName(unit.role));
  writeFileSync(path, renderUnit(unit));
  return path;
}

describe('a systemd unit', () => {
  it.each(units)('of a %s is one that systemd takes, without a word', (_name, unit) => {
    const checked = spawnSync(
      'systemd-analyze',
      ['verify', '--recursive-errors=no', '--man=no', write(unit)],
      {
        encoding: 'utf8',
      },
    );
    expect(checked.stderr).toBe('');
    expect(checked.status).toBe(0);
  });

  it.each(units.slice(0, 3))('of a %s is little exposed, as systemd reckons', (_name, unit) => {
    const args = ['security', '--offline=true', `--threshold=${EXPOSURE_LIMIT}`, '--no-pager', write(unit)];
    const checked = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    expect(checked.status, checked.stdout).toBe(0);
  });

  it('waits longer before each further start, where systemd can', () => {
    expect(renderUnit({ ...parts('bastion'), systemdVersion: 253 })).not.toContain('RestartSteps');
    const text = renderUnit({ ...parts('bastion'), systemdVersion: 254 });
    expect(text).toMatch(/^RestartSteps=5\nRestartMaxDelaySec=60$/m);
    expect(text).toMatch(/^StartLimitIntervalSec=0$/m);
  });

  it('reloads by the command that says what is wrong, where there is a socket to ask', () => {
    const reload = (role: UnitParts['role']) => /^ExecReload=(.*)$/m.exec(renderUnit(parts(role)))?.[1];
    expect(reload('bastion')).toBe(
      '/usr/bin/env /usr/bin/true bastion reload --config /etc/drawbridge/bastion.yaml',
    );
    expect(reload('agent')).toBe('/bin/kill -HUP $MAINPID');
  });

  it('lets shells of an agent do what their account may', () => {
    const text = renderUnit(parts('agent', true));
    expect(text).not.toMatch(/NoNewPrivileges|ProtectSystem|^User=/m);
  });

  it.each(['/etc/draw bridge/bastion.yaml', '/etc/%h/bastion.yaml', '/etc/a\nb.yaml', '/root/bastion.yaml'])(
    'is refused for the path %j',
    (configPath) => {
      expect(() => renderUnit({ ...parts('bastion'), configPath })).toThrow(
        expect.objectContaining({ code: 'service.unusable_path' }),
      );
    },
  );
});
