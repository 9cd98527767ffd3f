import type { Logger } from 'pino';
import { pino } from 'pino';
import { PinoPretty } from 'pino-pretty';

export type { Logger } from 'pino';

/** The levels that a config file may name. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields whose values never reach a log, wherever they stand in an object up to two levels deep. */
const SECRET_FIELDS = [
  'password',
  'code',
  'otp',
  'token',
  'pass',
  'proof',
  'secret',
  'totpSecret',
  'privateKey',
  'authorization',
  'cookie',
];

/** `code` is a one-time code in one place and the name of an error in another: only digits are secret. */
const ONE_TIME_CODE = /^\s*\d[\d\s]*$/;

function censor(value: unknown, path: string[]): unknown {
  const isErrorCode = path.at(-1) === 'code' && typeof value === 'string' && !ONE_TIME_CODE.test(value);
  return isErrorCode ? value : '[redacted]';
}

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
      censor,
    },
  };
  if (!pretty) return pino(base, pino.destination({ dest: 2, sync: true }));
  // In this thread and at once: what is logged last, before a process ends, matters most.
  const stream = PinoPretty({
    destination: 2,
    sync: true,
    translateTime: 'HH:MM:ss',
    ignore: 'pid,hostname,role',
    messageFormat: '{role}: {msg}',
  });
  return pino(base, stream);
}

/** A logger that says nothing; for tests and for callers that have none. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
