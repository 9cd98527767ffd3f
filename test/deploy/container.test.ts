import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { captureCommand } from '../support/captured-command.ts';
import { runDrawbridge, runProgram } from '../support/demo.ts';
import { freePort } from '../support/free-port.ts';
import { startTestProxy } from '../support/running-proxy.ts';

// No image is built here: that needs Docker and the network. What can be checked without is.

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'deploy/container');

/** Instructions of the Dockerfile, with what follows on further lines. */
const instructions = readFileSync(join(folder, 'Dockerfile'), 'utf8')
  .replaceAll(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [name = '', ...words] = line.split(/\s+/);
    return { name, words, text: words.join(' ') };
  });
const ofKind = (kind: string) => instructions.filter(({ name }) => name === kind);

const serviceSchema = z.looseObject({
  user: z.string(),
  read_only: z.boolean(),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  command: z.array(z.string()),
  volumes: z.array(z.string()),
  healthcheck: z.looseObject({ test: z.array(z.string()) }),
});
const compose = z
  .looseObject({
    services: z.record(z.string(), serviceSchema),
    volumes: z.record(z.string(), z.unknown()),
  })
  .parse(parse(readFileSync(join(folder, 'compose.yaml'), 'utf8'), { merge: true }));

describe('the container image', () => {
  it('is made in two stages of the Node.js that is tested, and only the second is delivered', () => {
    const stages = ofKind('FROM');
    expect(stages.map(({ text }) => text)).toEqual([
      'node:20-bookworm-slim AS build',
      'node:20-bookworm-slim',
    ]);
    expect(instructions.filter(({ text }) => text.includes('npm ci')).length).toBe(1);
    const second = instructions.slice(instructions.map(({ name }) => name).lastIndexOf('FROM'));
    expect(second.filter(({ text }) => /npm|apt-get/.test(text))).toEqual([]);
  });

  it('copies nothing that is not there', () => {
    const built = new Set(['/src/node_modules', '/src/dist']);
    for (const { words } of ofKind('COPY')) {
      const from = words[0] === '--from=build';
      const sources = words.slice(from ? 1 : 0, -1);
      expect(sources.length).toBeGreaterThan(0);
      for (const source of sources) {
        if (from && built.has(source)) continue;
        expect(existsSync(join(root, from ? source.replace('/src/', '') : source)), source).toBe(true);
      }
    }
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').trim().split('\n');
    for (const needed of [
      'tools',
      'deploy',
      'cli',
      'package-lock.json',
      'LICENSE',
      'THIRD-PARTY.md',
      'tsconfig.build.json',
    ])
      expect(ignored).not.toContain(needed);
  });

  it('runs as nobody in particular, with a command that exists', () => {
    expect(ofKind('USER').map(({ text }) => text)).toEqual(['10001:10001']);
    const order = instructions.map(({ name }) => name);
    expect(order.indexOf('USER')).toBeLessThan(order.indexOf('ENTRYPOINT'));
    expect(ofKind('ENTRYPOINT')[0]?.text).toBe('["drawbridge"]');
    expect(readFileSync(join(root, 'package.json'), 'utf8')).toContain('"drawbridge": "dist/cli/main.js"');
  });
});

describe('the compose file', () => {
  it('has the three roles, each confined', () => {
    expect(Object.keys(compose.services).sort()).toEqual(['agent', 'bastion', 'proxy']);
    for (const service of Object.values(compose.services)) {
      expect(service).toMatchObject({
        user: '10001:10001',
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
      for (const volume of service.volumes)
        expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    }
  });

  it.each(Object.entries(compose.services))(
    'starts the %s by a verb with options that it has',
    async (role, service) => {
      const [verb, ...rest] = service.command;
      expect(verb).toBe(role);
      const help = await captureCommand([role, rest[0] ?? '', '--help']);
      expect(help.status).toBe(0);
      for (const option of rest.filter((word) => word.startsWith('--'))) expect(help.out).toContain(option);
      // A role without a configuration says so: the command itself was understood.
      const run = await runDrawbridge(service.command);
      expect(run.stderr).toContain(`There is no config file /var/lib/drawbridge/${role}.yaml`);
    },
  );

  it('asks each for its health by a program that the image has', async () => {
    for (const { healthcheck } of Object.values(compose.services)) {
      const [kind, program, ...args] = healthcheck.test;
      expect(kind).toBe('CMD');
      if (program === 'drawbridge') expect((await captureCommand([args[0] ?? '', '--help'])).status).toBe(0);
      else expect(existsSync(join(folder, basename(args[0] ?? '')))).toBe(true);
    }
  });
});

describe('the health check', () => {
  const ask = (port: number) => runProgram(process.execPath, [join(folder, 'healthy.mjs'), String(port)]);

  it('says yes while the role is ready, and no when nothing answers', async () => {
    const proxy = await startTestProxy();
    expect((await ask(proxy.httpsPort)).status).toBe(0);
    expect((await ask(await freePort())).status).toBe(1);
  });
});
