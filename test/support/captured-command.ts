import { type CommandProcess, runCommand } from '../../cli/program.ts';

/** What a run of the command left. */
export interface CapturedRun {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command in this process, as `drawbridge ARGS`, without a terminal. */
export async function captureCommand(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<CapturedRun> {
  let out = '';
  let err = '';
  const process: CommandProcess = {
    stdout: {
      write(text) {
        out += text;
        return true;
      },
    },
    stderr: {
      write(text) {
        err += text;
        return true;
      },
    },
    env,
    once: () => undefined,
  };
  const status = await runCommand(args, process);
  return { status, out, err };
}
