import type { Command } from 'commander';
import { formatVerifierKey, type VerifierKey } from '../../shared/audit/verifier-key.ts';
import { sshFingerprintOf } from '../../shared/identity/keys.ts';
import { type Cli, examples } from '../cli.ts';
import { evidencePlace } from '../evidence.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { printable } from '../terminal.ts';
import { namedKeys } from '../verifier-keys.ts';

/** `drawbridge audit keys`. */
export function registerKeys(audit: Command, cli: Cli): void {
  const keys = audit
    .command('keys')
    .description(
      'Print the public keys with which others verify the evidence: one line each, and their fingerprints.\nTake the key of the bastion from the bastion and that of the witness from the proxy, and compare the fingerprints by another way.',
    )
    .option('--json', 'print them as JSON')
    .action((options: PlaceOptions & { json?: boolean }) => printKeys(cli, options));
  examples(withPlace(keys), ['drawbridge audit keys', 'drawbridge audit keys --config proxy.yaml --json']);
}

async function printKeys(cli: Cli, options: PlaceOptions & { json?: boolean }): Promise<void> {
  const keys = await namedKeys(await evidencePlace(options, cli));
  if (options.json === true) {
    cli.terminal.json(
      keys.map(({ name, key }) => ({
        name,
        id: key.id,
        verifies: key.verifies,
        key: formatVerifierKey(key),
        fingerprint: sshFingerprintOf(key.publicJwk),
      })),
    );
    return;
  }
  for (const { name, key } of keys) {
    cli.terminal.line(`# ${printable(name)}: ${purposeOf(key)}, ${sshFingerprintOf(key.publicJwk)}`);
    cli.terminal.line(formatVerifierKey(key));
  }
}

function purposeOf({ verifies }: VerifierKey): string {
  return verifies === 'checkpoints' ? 'checkpoints of its own log' : 'counter-signatures as a witness';
}
