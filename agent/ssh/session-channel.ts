import type { Clock } from '../../shared/clock.ts';
import { messageOf, systemCodeOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { SshChannel } from '../../shared/ssh/channel.ts';
import {
  type ChannelRequest,
  isSessionStart,
  type SessionStart,
  type TerminalSize,
} from '../../shared/ssh/channel-request.ts';
import type { SshServerConnection } from '../../shared/ssh/server-connection.ts';
import type { ConnectionProcesses } from '../leftovers/leftovers.ts';
import { MARK_VARIABLE } from '../leftovers/marks.ts';
import type { Account } from '../shell/account.ts';
import { loginEnvironment, operatorOf, RequestedEnvironment } from '../shell/environment.ts';
import type { HostProcess, ProcessEnd, ProcessListener } from '../shell/host-process.ts';
import { launchOf, type Program, type SystemTools } from '../shell/launch.ts';
import type { LoginRecords } from '../shell/login-records.ts';
import type { PamSession } from '../shell/pam-session.ts';
import { startPiped } from '../shell/piped-process.ts';
import { startOnTerminal } from '../shell/pty-process.ts';
import { startFolder } from '../shell/start-folder.ts';
import { sttyArguments } from '../shell/terminal-modes.ts';
import { type AgentSocket, openAgentSocket } from './agent-socket.ts';

/** What a session channel needs to know to start something. */
export interface SessionOptions {
  readonly account: Account;
  /** True when the agent runs as root and becomes the account. */
  readonly become: boolean;
  readonly tools: SystemTools;
  /** Command line of the SFTP server. */
  readonly sftpServer: readonly [string, ...string[]];
  /** The connection that the channel is in, and what it starts. */
  readonly connection: SshServerConnection;
  readonly processes: ConnectionProcesses;
  /** What PAM has given the account, where it is asked. What it rejects with refuses the start. */
  readonly pam: () => Promise<PamSession | undefined>;
  readonly records: LoginRecords;
  /** Whether the operator's SSH agent may be used on this host. */
  readonly forwarding: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Terminal {
  readonly term: string;
  readonly modes: Buffer;
  size: TerminalSize;
}

/** A terminal's type as programs know it; other names lead out of the folder in which they look for it. */
const TERM_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;

/** The type of a terminal of which nothing is known: clients without TERM send an empty name. */
const UNKNOWN_TERM = 'dumb';

/** Exit status of something that could not be started, as shells have it. */
const NOT_STARTED = 127;
const TOO_LONG_TO_START = 126;

/** What Linux says of a word of more than 128 KiB (`MAX_ARG_STRLEN`), and a command is one word for its shell. */
const TOO_LONG =
  'the command is longer than this system takes (128 KiB): send it on standard input (ssh HOST sh -s <FILE)';

/** Serves one session channel: takes terminal and environment, then starts a shell, a command or SFTP. */
export function serveSession(channel: SshChannel, options: SessionOptions): void {
  new SessionChannel(channel, options);
}

class SessionChannel implements ProcessListener {
  readonly #channel: SshChannel;
  readonly #options: SessionOptions;
  readonly #environment = new RequestedEnvironment();
  #terminal: Terminal | undefined;
  #wantsAgent = false;
  #agent: AgentSocket | undefined;
  #starting = false;
  #process: HostProcess | undefined;
  #creditBytes = 0;
  #endRecord: () => void = () => undefined;

  constructor(channel: SshChannel, options: SessionOptions) {
    this.#channel = channel;
    this.#options = options;
    channel.attach({
      onRequest: (request) => this.#request(request),
      onClosed: () => this.#process?.hangUp(),
    });
    channel.signal.addEventListener('abort', () => this.#closeAgent(), { once: true });
  }

  onOutput(chunk: Buffer, stream: 'stdout' | 'stderr'): void {
    if (!this.#channel.write(chunk, stream)) this.#process?.pause();
  }

  onDrain(): void {
    this.#channel.consumed(this.#creditBytes);
    this.#creditBytes = 0;
  }

  onOutputEnd(): void {
    this.#channel.end();
  }

  onEnd(end: ProcessEnd): void {
    this.#closeAgent();
    this.#endRecord();
    if (end.kind === 'exited') this.#channel.exit({ kind: 'exit-status', code: end.code });
    else this.#channel.exit({ kind: 'exit-signal', name: end.signal, coreDumped: false, message: '' });
    this.#channel.close();
  }

  #request(request: ChannelRequest): boolean | Promise<boolean> {
    if (isSessionStart(request)) return this.#start(request);
    switch (request.kind) {
      case 'pty':
        if (this.#starting) return false;
        this.#terminal = { term: termOf(request.term), modes: request.modes, size: request };
        return true;
      case 'agent-forward':
        if (this.#starting || !this.#options.forwarding) return false;
        this.#wantsAgent = true;
        return true;
      case 'env':
        return !this.#starting && this.#environment.set(request.name, request.value);
      case 'window-change':
        if (this.#terminal === undefined) return false;
        this.#terminal.size = request;
        this.#process?.resize(request);
        return true;
      case 'signal':
        this.#process?.signal(request.name);
        return this.#process !== undefined;
      case 'end-of-write':
        this.#process?.endOutput();
        return true;
      default:
        return false;
    }
  }

  async #start(start: SessionStart): Promise<boolean> {
    const program = this.#programFor(start);
    if (this.#starting || program === undefined) return false;
    this.#starting = true;
    try {
      const launched = this.#launch(program);
      this.#options.processes.starting(launched);
      const process = await launched;
      this.#process = process;
      this.#record(process);
      // It may be over, and so may the channel, by the time it has been started.
      if (this.#channel.signal.aborted) {
        process.hangUp();
        this.#closeAgent();
      }
      this.#listen(process);
      return true;
    } catch (error) {
      this.#options.log.warn({ err: error }, 'a session could not be started');
      this.#channel.whenDecided(() => this.#fail(error));
      return true;
    }
  }

  /** For `who`, `last` and `lastlog`, which know logins on terminals. */
  #record({ pid, terminal }: HostProcess): void {
    if (terminal === undefined || !this.#options.become) return;
    const { operator, address } = operatorOf(this.#environment);
    const { name: user, uid } = this.#options.account;
    const host = operator === undefined ? address : `${operator}@${address}`;
    const end = this.#options.records.begin({ pid, terminal, user, uid, host, address });
    this.#endRecord = () => {
      this.#endRecord = () => undefined;
      end();
    };
    this.#channel.signal.addEventListener('abort', () => this.#endRecord(), { once: true });
  }

  #closeAgent(): void {
    const agent = this.#agent;
    this.#agent = undefined;
    agent?.close().catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'the socket of a forwarded SSH agent could not be removed');
    });
  }

  #fail(error: unknown): void {
    const isTooLong = systemCodeOf(error) === 'E2BIG';
    const sentence = isTooLong ? TOO_LONG : messageOf(error);
    this.#channel.write(Buffer.from(`drawbridge: ${sentence}\r\n`), 'stderr');
    this.onEnd({ kind: 'exited', code: isTooLong ? TOO_LONG_TO_START : NOT_STARTED });
  }

  #programFor(start: SessionStart): Program | undefined {
    switch (start.kind) {
      case 'shell':
        return { kind: 'login-shell' };
      case 'exec': {
        const command = start.command.toString('utf8');
        return command.includes('\0') ? undefined : { kind: 'command', command };
      }
      case 'subsystem':
        return start.name === 'sftp' ? { kind: 'program', argv: this.#options.sftpServer } : undefined;
    }
  }

  async #launch(program: Program): Promise<HostProcess> {
    const { account, become, tools, clock, processes } = this.#options;
    const terminal = this.#terminal;
    const pam = await this.#options.pam();
    const owner = become && account.uid !== 0 ? account.uid : undefined;
    if (this.#wantsAgent) this.#agent = await openAgentSocket(this.#options.connection, owner, clock);
    const launch = launchOf(
      {
        account,
        program,
        become,
        env: {
          ...pam?.env,
          ...loginEnvironment(account, this.#environment, process.env, terminal?.term),
          ...(this.#agent === undefined ? {} : { SSH_AUTH_SOCK: this.#agent.path }),
          [MARK_VARIABLE]: processes.mark,
        },
        ...(pam === undefined ? {} : { pam }),
        ...(processes.joinPath === undefined ? {} : { joinPath: processes.joinPath }),
        ...(terminal === undefined ? {} : { terminalSettings: sttyArguments(terminal.modes) }),
      },
      tools,
      [MARK_VARIABLE],
    );
    const cwd = await startFolder(account, become);
    const spec = { ...launch, cwd, ...(become ? { uid: account.uid } : {}) };
    if (terminal === undefined) return startPiped(spec, this.#heldBack(), clock);
    return startOnTerminal(spec, terminal, this.#heldBack(), clock);
  }

  /** Keeps what the process says until the client knows that it was started. */
  #heldBack(): ProcessListener {
    return {
      onOutput: (chunk, stream) => this.#channel.whenDecided(() => this.onOutput(chunk, stream)),
      onDrain: () => this.onDrain(),
      onOutputEnd: () => this.#channel.whenDecided(() => this.onOutputEnd()),
      onEnd: (end) => this.#channel.whenDecided(() => this.onEnd(end)),
    };
  }

  #listen(process: HostProcess): void {
    this.#channel.attach({
      onData: (chunk) => {
        if (process.write(chunk)) this.#channel.consumed(chunk.length);
        else this.#creditBytes += chunk.length;
      },
      onEof: () => process.endInput(),
      onRequest: (request) => this.#request(request),
      onDrain: () => process.resume(),
      onClosed: () => process.hangUp(),
    });
  }
}

function termOf(name: string): string {
  return TERM_PATTERN.test(name) ? name : UNKNOWN_TERM;
}
