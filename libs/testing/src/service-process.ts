import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { migratedDatabase } from './platform.js';
import { startNats, type NatsServer } from './nats-server.js';
import { runMark } from './test-environment.js';

export interface ServiceProcess {
  readonly nats: NatsServer;
  /** What it logged so far. */
  readonly log: () => string;
  /** SIGKILL. */
  readonly kill9: () => Promise<void>;
  readonly restart: () => void;
  /** With its NATS and its database. */
  readonly stop: () => Promise<void>;
}

/**
 * One real service as a process of its own, over a NATS and a database of its own: for specs of what asks it over NATS, which
 * may not import it. It may not serve yet when this resolves: ask until it does.
 */
export const startService = async (
  app: 'device-registry',
  environment: Readonly<Record<string, string>> = {},
): Promise<ServiceProcess> => {
  const database = await migratedDatabase();
  const nats = await startNats();
  const main = resolve(import.meta.dirname, '../../../../apps', app, 'dist/src/main.js');
  let log = '';
  let child: ChildProcess;
  const start = (): void => {
    child = spawn(process.execPath, [main], {
      env: {
        PATH: process.env['PATH'],
        ...runMark(),
        MUSTER_DATABASE_URL: database.url,
        MUSTER_NATS_URL: nats.url,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        log = (log + text).slice(-100_000);
      });
    }
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  start();
  return {
    nats,
    log: () => log,
    kill9: () => end('SIGKILL'),
    restart: start,
    stop: async () => {
      await end('SIGTERM');
      await nats.stop();
      await database.drop();
    },
  };
};
