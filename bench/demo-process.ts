import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DemoDocument } from '../cli/demo/document.ts';

const START_LIMIT_MS = 90_000;
const STOP_LIMIT_MS = 30_000;
const POLL_MS = 50;

/** A demo in a process of its own, as a user starts it. */
export interface DemoProcess {
  readonly document: DemoDocument;
  readonly dir: string;
  readonly process: ChildProcess;
  /** What it has printed so far, both streams. */
  output(): string;
  /** Sends SIGINT, as Ctrl-C does, and waits for its end. Gives its exit code. */
  stop(): Promise<number | null>;
}

/** The built command's entry file: `dist/cli/main.js`, seen from `dist/bench` and from the source tree alike. */
export function builtCommand(): string {
  const here = fileURLToPath(new URL('..', import.meta.url));
  const root = here.endsWith('/dist/') ? here : join(here, 'dist/');
  return join(root, 'cli', 'main.js');
}

/** Starts a demo under `dir` and waits for its `demo.json`. `command`: the command's entry file. */
export async function startDemo(
  dir: string,
  args: readonly string[] = [],
  command = builtCommand(),
): Promise<DemoProcess> {
  const child = spawn(process.execPath, [command, 'demo', '--dir', dir, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close');
  const stop = async (): Promise<number | null> => {
    child.kill('SIGINT');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await ended;
    clearTimeout(late);
    return child.exitCode;
  };
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    const document = await readDocument(join(dir, 'demo.json'));
    if (document !== undefined) return { document, dir, process: child, output: () => output, stop };
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the demo ended:\n${output}`);
    if (Date.now() > deadline) {
      await stop();
      throw new Error(`the demo did not come up:\n${output}`);
    }
    await delay(POLL_MS);
  }
}

async function readDocument(path: string): Promise<DemoDocument | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as DemoDocument;
  } catch {
    return undefined;
  }
}
