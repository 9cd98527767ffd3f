import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EvidenceHealth } from '../../../bastion/admission/evidence-health.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const event = { type: 'bastion.started', actor: 'system' } as const;

test('evidence that can be written is no problem', async () => {
  const health = new EvidenceHealth({
    audit: new MemoryAudit(),
    directories: [temporaryDirectory()],
    clock: new FakeClock(),
  });
  expect(await health.problem()).toBeUndefined();
  expect(await health.diskFreeBytes()).toBeGreaterThan(0);
});

test('a directory that is gone has no room for evidence', async () => {
  const directories = [temporaryDirectory(), join(temporaryDirectory(), 'gone')];
  const health = new EvidenceHealth({ audit: new MemoryAudit(), directories, clock: new FakeClock() });
  expect(await health.problem()).toContain('only 0 MiB of disk left');
});

test('an audit log that has failed is a problem until it takes an event again', async () => {
  const audit = new MemoryAudit();
  const health = new EvidenceHealth({ audit, directories: [temporaryDirectory()], clock: new FakeClock() });
  audit.failing = true;
  await expect(health.append(event)).rejects.toMatchObject({ code: 'audit.unavailable' });
  expect(await health.problem()).toBe('The audit log can not be written.');
  audit.failing = false;
  await health.append(event);
  expect(await health.problem()).toBeUndefined();
});

test('a disk that is lost after a good look is a problem at the very next', async () => {
  const directory = temporaryDirectory();
  const health = new EvidenceHealth({
    audit: new MemoryAudit(),
    directories: [directory],
    clock: new FakeClock(),
  });
  expect(await health.problem()).toBeUndefined();
  rmSync(directory, { recursive: true });
  expect(await health.problem()).toContain('only 0 MiB of disk left');
});
