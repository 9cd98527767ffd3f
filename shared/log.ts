import type { Logger } from 'pino';
import { pino } from 'pino';

export type { Logger } from 'pino';

/** The levels that a config file may name. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields whose values never reach a log, wherever they stand in an object up to two levels deep. */
const SECRET_FIELDS = [
  'password',
  'code',
  'token',
  'pass',
  'proof',
  'secret',
  'totpSecret',
  'privateKey',
  'authorization',
  'cookie',
];

/** What {@link createLogger} needs. */
export interface LoggerOptions {
  readonly role: string;
  readonly level: LogLevel;
  /** `pretty` for people, `json` for machines, `auto`: pretty on a terminal. */
  readonly format: 'auto' | 'pretty' | 'json';
}

/** A structured logger on standard error, with secrets taken out. */
export function createLogger(options: LoggerOptions): Logger {
  const pretty = options.format === 'pretty' || (options.format === 'auto' && process.stderr.isTTY === true);
  const base = {
    level: options.level,
    base: { role: options.role },
    redact: {
      paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
      censor: '[redacted]',
    },
  };
  if (!pretty) return pino(base, pino.destination({ dest: 2, sync: true }));
  return pino({
    ...base,
    transport: {
      target: 'pino-pretty',
      options: {
        destination: 2,
        translateTime: 'HH:MM:ss',
        ignore: 'pid,hostname,role',
        messageFormat: '{role}: {msg}',
      },
    },
  });
}

/** A logger that says nothing; for tests and for callers that have none. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
