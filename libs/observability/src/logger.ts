import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import { currentTrace } from './trace.js';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  readonly service: string;
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Default: stdout. */
  readonly destination?: DestinationStream;
}

/** JSON lines on stdout; each carries the service and, inside a trace, its `traceId`. Pass errors as `{ err }`. */
export const createLogger = ({ service, level = 'info', destination }: LoggerOptions): Logger =>
  pino(
    {
      level,
      base: { service },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => {
        const trace = currentTrace();
        return trace === undefined ? {} : { traceId: trace.traceId };
      },
      // A net below the rule "no secrets in logs", for the field names we use; it does not look deeper than this.
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
    },
    destination,
  );

const SECRETS = ['token', 'password', 'apiKey', 'authorization'];
