import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { createTemporaryDirectory } from './temporary-directory.ts';
import { createTestCertificate } from './test-certificate.ts';
import { waitFor } from './wait-for.ts';

/** An ACME server that we did not write, on loopback; every name leads to 127.0.0.1 for it. */
export interface Pebble {
  readonly directory: string;
  /** PEM file with the authority of the server's own TLS certificate. */
  readonly caBundle: string;
  /** Where it looks for HTTP-01 challenges, in place of 80. */
  readonly challengePort: number;
  /** Ends it and removes what it left. */
  stop(): Promise<void>;
}

/** Starts Pebble; stop it in `afterAll`. */
export async function startPebble(): Promise<Pebble> {
  const { path: folder, remove } = createTemporaryDirectory();
  const { ca, cert, key } = await createTestCertificate('ACME');
  const path = (name: string) => join(folder, name);
  writeFileSync(path('ca.pem'), ca);
  writeFileSync(path('cert.pem'), cert);
  writeFileSync(path('key.pem'), key);
  const [acmePort, managementPort, challengePort, tlsPort, dnsPort, dnsManagementPort] = await Promise.all(
    Array.from({ length: 6 }, () => freePort()),
  );
  writeFileSync(
    path('pebble.json'),
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${acmePort}`,
        managementListenAddress: `127.0.0.1:${managementPort}`,
        certificate: path('cert.pem'),
        privateKey: path('key.pem'),
        httpPort: challengePort,
        tlsPort,
        ocspResponderURL: '',
        externalAccountBindingRequired: false,
      },
    }),
  );
  const names = [
    ...['-dns01', `127.0.0.1:${dnsPort}`, '-management', `127.0.0.1:${dnsManagementPort}`],
    ...['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv4', '127.0.0.1', '-defaultIPv6', ''],
  ];
  const resolver = run('pebble-challtestsrv', names);
  // It refuses a twentieth of all nonces by default, and sleeps up to 15 s before a visit.
  const environment = { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '30' };
  const pebble = run(
    'pebble',
    ['-config', path('pebble.json'), '-strict', '-dnsserver', `127.0.0.1:${dnsPort}`],
    environment,
  );
  await waitFor(() => pebble.output().includes('ACME directory available'), {
    what: 'Pebble to be ready',
    timeoutMs: 30_000,
  });
  return {
    directory: `https://localhost:${acmePort}/dir`,
    caBundle: path('ca.pem'),
    challengePort: challengePort ?? 0,
    async stop() {
      await Promise.all([pebble.stop(), resolver.stop()]);
      remove();
    },
  };
}

function run(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): { output(): string; stop(): Promise<void> } {
  const child: ChildProcess = spawn(program, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close');
  return {
    output: () => output,
    async stop() {
      child.kill();
      await ended;
    },
  };
}
