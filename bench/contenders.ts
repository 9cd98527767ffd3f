import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DemoDocument } from '../cli/demo/document.ts';
import { startDemo } from './demo-process.ts';
import { startOpenSshChain } from './openssh-chain.ts';

/** One way to a host. */
export interface Contender {
  readonly name: string;
  /** Options of ssh, scp and sftp. */
  readonly options: readonly string[];
  /** The host's name for them. */
  readonly host: string;
}

/** Our chain and OpenSSH's own, both up on this machine. */
export interface Contest {
  /** Our chain to the agent's builtin shell, by `ssh -J`. */
  readonly jump: Contender;
  /** The same by the ProxyCommand over wss. */
  readonly wss: Contender;
  /** Our chain to the host's sshd, by `ssh -J`. */
  readonly sshd: Contender;
  /** OpenSSH's chain, nothing recorded. */
  readonly openssh: Contender;
  readonly demo: DemoDocument;
  /** An empty folder for files. */
  readonly folder: string;
}

/**
 * Starts our whole chain as a user does, and OpenSSH's own beside it; both end in the same sshd where a host's sshd is
 * asked for. Ours records and audits as in production.
 */
export async function withContest<Result>(use: (contest: Contest) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bench-'));
  const rival = await startOpenSshChain(join(folder, 'openssh'));
  try {
    const demo = await startDemo(join(folder, 'demo'), ['--sshd', rival.hostSshd.address]);
    try {
      const { document } = demo;
      appendFileSync(rival.hostSshd.authorizedKeys, `${document.bastion.sshClientKey}\n`);
      const [overSshd = '', builtin = ''] = document.hosts;
      const options = ['-F', document.sshConfig];
      return await use({
        jump: { name: 'ssh -J', options, host: builtin },
        wss: { name: 'wss', options, host: `${builtin}.wss` },
        sshd: { name: 'ssh -J, sshd', options, host: overSshd },
        openssh: { name: 'openssh', options: rival.options, host: rival.host },
        demo: document,
        folder,
      });
    } finally {
      await demo.stop();
    }
  } finally {
    await rival.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
