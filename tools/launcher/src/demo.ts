import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Instance, type Server, urlsOf } from '@muster/local-servers';

/** The fleet of `--demo`, a process like the applications: kept up, and stopped with them. */
export interface Demo {
  /**
   * Resolves with what there is to look at; with nothing when it was stopped before. Throws a `Failure` when the fleet could
   * not be brought to life.
   */
  readonly start: () => Promise<string>;
  /** Before the applications: devices whose platform goes away would wait for answers that nobody gives. */
  readonly stop: () => Promise<void>;
}

export const demoOf = (instance: Instance): Demo => {
  const { settings, secrets } = instance;
  const summaryFile = join(settings.home, 'demo.txt');
  const urls = urlsOf(settings, secrets);
  const server: Server = {
    name: 'demo',
    title: 'the demo',
    command: process.execPath,
    args: [
      join(settings.root, 'tools/simulator/dist/src/main.js'),
      '--demo',
      ...['--api-key-file', secrets.adminApiKeyFile],
      ...['--summary-file', summaryFile],
    ],
    env: {
      ...process.env,
      MUSTER_URL: urls.gateway,
      MUSTER_MQTT_URL: urls.mqtt,
      MUSTER_HTTP_URL: urls.httpDevices,
    },
    cwd: process.cwd(),
    logFile: join(settings.home, 'log', 'demo.log'),
    ports: [],
    files: [],
    // What an earlier run has said is of ids that may be gone.
    prepare: () => rmSync(summaryFile, { force: true }),
    ready: () => Promise.resolve(existsSync(summaryFile)),
    readyWithinMs: 300_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 15_000,
    adoptable: false,
  };
  const supervised = instance.add(server);
  let stopping = false;
  return {
    start: async () => {
      try {
        await supervised.start();
      } catch (error) {
        if (stopping) return '';
        throw error;
      }
      return readFileSync(summaryFile, 'utf8');
    },
    stop: () => {
      stopping = true;
      return supervised.stop();
    },
  };
};
