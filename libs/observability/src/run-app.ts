import { ConfigError } from './config.js';
import { createLogger, type Logger } from './logger.js';
import type { OpsParts } from './ops.js';

export interface RunningApp {
  readonly name: string;
  /** What this app says of itself; a host of several apps shows it for all of them in one place. */
  readonly ops: OpsParts;
  /** How long that may take; default 20. */
  readonly stopSeconds?: number;
  /** Stops taking new work, finishes what it began, closes connections; in this order. Called once. */
  stop(): Promise<void>;
}

/** The parts of `process` that `runApp` needs. */
export interface Host {
  on(event: string, listener: (cause: unknown) => void): unknown;
  exit(code: number): void;
  readonly stderr: { write(text: string): unknown };
}

/** Shorter than the 30 s that Kubernetes leaves between SIGTERM and SIGKILL. */
const STOP_SECONDS = 20;

/** `EX_CONFIG` of sysexits.h: a supervisor need not try again with the same environment. */
const EXIT_CONFIG = 78;

/**
 * The whole of a `main.ts`: starts the app, stops it once on SIGTERM or SIGINT, and ends the process. A second signal,
 * or a stop that takes longer than the app's `stopSeconds`, ends it at once. A promise nobody handled is a bug of unknown reach: log and
 * exit 1, the supervisor starts a clean process.
 */
export const runApp = async (
  start: () => Promise<RunningApp>,
  host: Host = process,
  logger: Logger = createLogger({ service: 'main' }),
): Promise<void> => {
  let app: RunningApp | undefined;
  let stopping = false;

  const die = (kind: string) => (cause: unknown) => {
    logger.fatal({ err: cause }, kind);
    host.exit(1);
  };
  const stop = async (): Promise<void> => {
    // While starting, nothing has been promised to anybody, and a start may wait for a dependency for ever.
    if (app === undefined || stopping) {
      host.exit(stopping ? 1 : 0);
      return;
    }
    stopping = true;
    const { name, stopSeconds = STOP_SECONDS } = app;
    const deadline = setTimeout(() => {
      logger.error(`${name} did not stop within ${stopSeconds} s`);
      host.exit(1);
    }, stopSeconds * 1_000);
    try {
      await app.stop();
      host.exit(0);
    } catch (error) {
      die('stopping failed')(error);
    } finally {
      clearTimeout(deadline);
    }
  };

  host.on('unhandledRejection', die('unhandled rejection'));
  host.on('uncaughtException', die('uncaught exception'));
  host.on('SIGTERM', () => void stop());
  host.on('SIGINT', () => void stop());

  try {
    app = await start();
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      die('starting failed')(error);
      return;
    }
    host.stderr.write(`${error.message}\n`);
    host.exit(EXIT_CONFIG);
  }
};
