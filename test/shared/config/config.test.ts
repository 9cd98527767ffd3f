import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { loadConfig, parseYamlWith } from '../../../shared/config/config.ts';
import {
  byteSize,
  commonFields,
  durationMs,
  egressSection,
  filePath,
  httpsUrl,
  labels,
  listenAddress,
  tlsSection,
} from '../../../shared/config/fields.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const schema = z.strictObject({
  ...commonFields('bastion'),
  https: listenAddress,
  publicUrl: httpsUrl,
  tls: tlsSection,
  egress: egressSection,
  idle: durationMs.default(60_000),
  largest: byteSize.exactOptional(),
  policy: filePath.prefault('policy.yaml'),
  hosts: z.array(z.strictObject({ name: z.string(), labels: labels.default({}) })).default([]),
});

const GOOD = `role: bastion
name: acme
dataDir: data
https: {port: 8443}
publicUrl: https://bastion.acme.example:8443/
tls: {certificate: tls/cert.pem, key: /etc/key.pem}
idle: 1h30m
largest: 16 MiB
hosts:
  - name: web-1
    labels: {environment: production}
`;

/** The lines of the report on `text`. */
function faults(text: string, of: z.ZodType = schema): string[] {
  try {
    parseYamlWith(text, of, 'bastion.yaml');
  } catch (error) {
    if (error instanceof DrawbridgeError && error.code === 'config.invalid')
      return error.message.split('\n').slice(1);
    throw error;
  }
  return [];
}

describe('a config file', () => {
  it('gives values in the units of the program, with defaults, and paths from its own folder', async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, 'etc'));
    const path = join(folder, 'etc', 'bastion.yaml');
    writeFileSync(path, GOOD);
    expect(await loadConfig(path, schema, { role: 'bastion' })).toEqual({
      role: 'bastion',
      name: 'acme',
      dataDir: join(folder, 'etc', 'data'),
      log: { level: 'info', format: 'auto' },
      https: { host: '0.0.0.0', port: 8443 },
      publicUrl: 'https://bastion.acme.example:8443',
      tls: { certificate: join(folder, 'etc', 'tls/cert.pem'), key: '/etc/key.pem' },
      egress: {},
      idle: 5_400_000,
      largest: 16 * 1024 * 1024,
      policy: join(folder, 'etc', 'policy.yaml'),
      hosts: [{ name: 'web-1', labels: { environment: 'production' } }],
    });
  });

  it('reports every fault at once, each with line and column, in the order of the file', () => {
    const text = `role: bastion
name: ac me
dataDir: data
https:
  port: 99999
  hots: 0.0.0.0
publicUrl: http://bastion
tls:
  certificate: cert.pem
idle: 8 hours
hosts:
  - name: 7
    labels:
      "no good": x
log: {levle: info, level: loud}
`;
    expect(faults(text)).toEqual([
      'bastion.yaml:2:7: name: must be 1 to 63 letters, digits, dots, underscores and hyphens',
      'bastion.yaml:5:9: https.port: must be a port number, 0 to 65535',
      "bastion.yaml:6:3: https.hots: is not known here; did you mean 'host'?",
      'bastion.yaml:7:12: publicUrl: must be an address such as https://bastion.example.com:8443, with nothing behind it',
      'bastion.yaml:9:3: tls.key: is missing',
      "bastion.yaml:10:7: idle: This is not a duration. Write a number and a unit: '30s', '15m', '8h', '7d' or '1h30m'.",
      'bastion.yaml:12:11: hosts[0].name: must be text, and is a number',
      'bastion.yaml:14:7: hosts[0].labels.no good: the key must be 1 to 63 letters, digits and . _ / -',
      "bastion.yaml:15:7: log.levle: is not known here; did you mean 'level'?",
      'bastion.yaml:15:27: log.level: must be one of fatal, error, warn, info, debug, trace',
    ]);
  });

  it('lists what is missing when the file is empty', () => {
    expect(faults('# nothing yet\n')).toEqual(
      ['role', 'name', 'dataDir', 'https', 'publicUrl', 'tls'].map(
        (key) => `bastion.yaml:1:1: ${key}: is missing`,
      ),
    );
  });

  it('says so when it belongs to another role, instead of listing the differences', async () => {
    const path = join(temporaryDirectory(), 'proxy.yaml');
    writeFileSync(path, '# x\nrole: proxy\nname: central\n');
    await expect(loadConfig(path, schema, { role: 'bastion' })).rejects.toThrow(
      `${path}:2:7: role: this is the config file of a proxy, not of a bastion`,
    );
  });

  it('says where the YAML is broken, has a key twice, a tag that is not known or a second document', () => {
    expect(faults('a: [1, 2\nb: 3\n')[0]).toMatch(/^bastion\.yaml:\d+:\d+: this is not valid YAML: /);
    expect(faults('role: bastion\nrole: bastion\n')[0]).toMatch(/^bastion\.yaml:2:1: .*unique/);
    expect(faults('role: !run rm\n')[0]).toMatch(/^bastion\.yaml:1:7: .*tag/);
    expect(faults('a: 1\n---\nb: 2\n')[0]).toMatch(/^bastion\.yaml:2:1: /);
  });

  it('refuses aliases that blow up', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (const [now, before] of ['ba', 'cb', 'dc', 'ed', 'fe'].map((pair) => pair.split(''))) {
      bomb.push(`${now}: &${now} [${Array(9).fill(`*${before}`).join(',')}]`);
    }
    expect(faults(bomb.join('\n'))[0]).toMatch(/alias/i);
  });

  it('never quotes a value, since it may be a password', () => {
    const report = faults(`${GOOD}egress: {proxy: "ftp://user:hunter2@proxy"}\nadmin: hunter2\n`).join();
    expect(report).toContain('egress.proxy');
    expect(report).not.toContain('hunter2');
  });

  it('says what to do when it is missing, a directory, too large, or no text', async () => {
    const folder = temporaryDirectory();
    const load = (name: string) => loadConfig(join(folder, name), schema, { role: 'bastion' });
    await expect(load('none.yaml')).rejects.toMatchObject({
      code: 'config.missing',
      hint: expect.any(String),
    });
    await expect(load('.')).rejects.toMatchObject({ code: 'config.unreadable' });
    writeFileSync(join(folder, 'large'), Buffer.alloc(1024 * 1024 + 1, 'a'));
    await expect(load('large')).rejects.toMatchObject({ code: 'config.unreadable' });
    writeFileSync(join(folder, 'binary'), Buffer.of(0x61, 0xff, 0xfe));
    await expect(load('binary')).rejects.toThrow('not UTF-8');
  });

  it('gives policies their own error code', () => {
    expect(() => parseYamlWith('a: 1', schema, 'policy.yaml', 'policy.invalid')).toThrow(
      expect.objectContaining({ code: 'policy.invalid' }),
    );
  });

  it('points at the very place, wherever a wrong value stands', () => {
    const leaf = z.strictObject({ good: z.number() });
    const list = z.array(leaf);
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), fc.integer({ min: 1, max: 6 }), (size, pick, indent) => {
        const at = pick % (size + 1);
        const entries = Array.from({ length: size + 1 }, (_, index) => ({
          good: index === at ? 'wrong' : index,
        }));
        const text = stringify(entries, { indent: indent + 1 });
        const line = text.split('\n').findIndex((content) => content.includes('wrong'));
        const column = (text.split('\n')[line] ?? '').indexOf('wrong');
        expect(faults(text, list)).toEqual([
          `bastion.yaml:${line + 1}:${column + 1}: [${at}].good: must be a number, and is text`,
        ]);
      }),
    );
  });

  it('answers any text with a value or with lines that each name a place', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        for (const line of faults(text)) expect(line).toMatch(/^bastion\.yaml:\d+:\d+: /);
      }),
      { numRuns: 500 },
    );
  });
});
