import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  installService,
  requireInstallable,
  type ServiceSystem,
  uninstallService,
} from '../../../cli/service/install.ts';
import type { LastWords } from '../../../cli/service/system.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

/** A role's folder as `join` leaves it, and a system whose programs only note that they were run. */
function arrange(running = true) {
  const folder = temporaryDirectory();
  const unitDirectory = join(folder, 'units');
  const dataDir = join(folder, 'etc', 'data');
  mkdirSync(unitDirectory);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const configPath = join(folder, 'etc', 'agent.yaml');
  writeFileSync(configPath, 'role: agent\nname: web-1\ndataDir: data\n', { mode: 0o600 });
  writeFileSync(join(dataDir, 'identity.json'), '{}', { mode: 0o600 });
  const ran: string[] = [];
  const system: ServiceSystem = {
    unitDirectory,
    // An account that every system has.
    accountName: 'nobody',
    isRunning: async () => running,
    version: async () => 255,
    lastWords: async () => undefined,
    run: async (program, args) => {
      ran.push([program, ...args].join(' '));
    },
  };
  return { folder, unitDirectory, dataDir, configPath, ran, system };
}

// Files are given to accounts and units belong to root: there is nothing to try without it.
describe.runIf(process.getuid?.() === 0)('the service of a role', () => {
  it('is written and started, and again without harm', async () => {
    const { unitDirectory, configPath, ran, system } = arrange();
    const done = await installService(configPath, '/usr/lib/drawbridge/main.js', system);
    expect(done).toEqual({ unitPath: join(unitDirectory, 'drawbridge-agent.service'), started: true });
    expect(readFileSync(done.unitPath, 'utf8')).toContain(`agent start --config ${configPath}`);
    expect(readFileSync(done.unitPath, 'utf8')).toContain('RestartSteps=');
    expect(ran).toEqual([
      'systemctl daemon-reload',
      'systemctl enable drawbridge-agent.service',
      'systemctl restart drawbridge-agent.service',
    ]);
    await installService(configPath, '/usr/lib/drawbridge/main.js', system);
    expect(ran).toHaveLength(6);
  });

  it('is refused before anything is made or spent, for a path that a unit can not hold', () => {
    const parts = { configPath: '/srv/my agent/agent.yaml', entryPath: '/usr/lib/drawbridge/main.js' };
    expect(() => requireInstallable(parts)).toThrow(
      expect.objectContaining({ code: 'service.unusable_path' }),
    );
    requireInstallable({ ...parts, configPath: '/root/agent.yaml' }, true);
  });

  it("tells the role's own last error when it did not start", async () => {
    const { configPath, system } = arrange();
    const fails: ServiceSystem = {
      ...system,
      run: async (program, args) => {
        await system.run(program, args);
        if (args[0] === 'restart') throw new DrawbridgeError('service.command_failed', 'It failed.');
      },
    };
    const start = (words: LastWords | undefined) =>
      installService(configPath, '/usr/lib/drawbridge/main.js', { ...fails, lastWords: async () => words });
    await expect(
      start({ sentence: 'Port 443 is in use. [listen.in_use]', hint: 'Stop it.' }),
    ).rejects.toMatchObject({
      code: 'service.not_started',
      message: 'drawbridge-agent.service did not start: Port 443 is in use. [listen.in_use]',
      hint: expect.stringMatching(/^Stop it\. .*systemctl status drawbridge-agent\.service$/),
    });
    await expect(start(undefined)).rejects.toMatchObject({ code: 'service.command_failed' });
  });

  it('is only written where systemd does not run', async () => {
    const { configPath, ran, system, unitDirectory } = arrange(false);
    const done = await installService(configPath, '/usr/lib/drawbridge/main.js', system);
    expect(done.started).toBe(false);
    expect(ran).toEqual([]);
    // It starts with the next boot all the same, and no longer when it was uninstalled.
    const wanted = join(unitDirectory, 'multi-user.target.wants', 'drawbridge-agent.service');
    expect(readlinkSync(wanted)).toBe(done.unitPath);
    await installService(configPath, '/usr/lib/drawbridge/main.js', system);
    await uninstallService('agent', {}, system);
    expect(() => readlinkSync(wanted)).toThrow('ENOENT');
  });

  it('goes without what it guarded: keys and evidence stay until they are asked for', async () => {
    const { configPath, dataDir, system } = arrange();
    const { unitPath } = await installService(configPath, '/usr/lib/drawbridge/main.js', system);
    expect(await uninstallService('agent', {}, system)).toEqual({ removed: [unitPath] });
    expect(existsSync(unitPath)).toBe(false);
    expect(existsSync(join(dataDir, 'identity.json'))).toBe(true);
    expect(await uninstallService('agent', {}, system)).toEqual({ removed: [] });
    const purged = await uninstallService('agent', { purge: { configPath } }, system);
    expect(purged.removed).toEqual([dataDir, configPath]);
  });

  it('is not purged by the config file of another role', async () => {
    const { configPath, dataDir, system } = arrange();
    await expect(uninstallService('bastion', { purge: { configPath } }, system)).rejects.toMatchObject({
      code: 'usage.role',
    });
    expect(existsSync(dataDir)).toBe(true);
  });

  it('owns its data, and never what a link in there leads to', async () => {
    const { folder, configPath, dataDir, system } = arrange();
    writeFileSync(configPath, 'role: agent\nname: web-1\ndataDir: data\ntarget: sshd\n', { mode: 0o600 });
    const precious = join(folder, 'precious');
    writeFileSync(precious, 'not yours');
    symlinkSync(precious, join(dataDir, 'link'));
    await installService(configPath, '/usr/lib/drawbridge/main.js', system);
    const { uid } = statSync(dataDir);
    expect(uid).not.toBe(0);
    expect(statSync(join(dataDir, 'identity.json')).uid).toBe(uid);
    expect(statSync(configPath)).toMatchObject({ uid: 0 });
    expect(statSync(precious).uid).toBe(0);
  });
});
