import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

/** `--iothub-demo`: an IoT Hub on this machine, which must be there first for the applications to trust it, and devices in it. */
export interface IotHubDemo extends Demo {
  /** Resolves when the hub is there, with a file of whom to trust for it; undefined: it was stopped before. */
  readonly startHub: () => Promise<string | undefined>;
}

const READY_WITHIN_MS = 300_000;
const LOOK_EVERY_MS = 250;

export const demoOf = (instance: Instance): Demo => {
  const summaryFile = join(instance.settings.home, 'demo.txt');
  const { supervised, stop, unlessStopped } = player(instance, {
    name: 'demo',
    title: 'the demo',
    program: 'main.js',
    args: ['--demo', '--summary-file', summaryFile],
    files: [summaryFile],
    readyFile: summaryFile,
  });
  return {
    start: async () => {
      await unlessStopped(() => supervised.start());
      return textOf(summaryFile);
    },
    stop,
  };
};

export const iotHubDemoOf = (instance: Instance): IotHubDemo => {
  const { settings } = instance;
  const { iotHub, iotHubControl } = settings.ports;
  const directory = join(settings.home, 'iothub-simulator');
  const summaryFile = join(settings.home, 'iothub-demo.txt');
  const hubFile = join(settings.home, 'iothub-demo-hub.txt');
  const { supervised, stop, unlessStopped, isStopping } = player(instance, {
    name: 'iothub-demo',
    title: 'the IoT Hub of the demo',
    program: 'iothub-demo/main.js',
    args: [
      ...['--directory', directory, '--port', String(iotHub), '--control-port', String(iotHubControl)],
      ...['--hub-file', hubFile, '--summary-file', summaryFile],
    ],
    files: [summaryFile, hubFile],
    readyFile: hubFile,
    ports: [
      { port: iotHub, variable: 'MUSTER_PORT_BASE' },
      { port: iotHubControl, variable: 'MUSTER_PORT_BASE' },
    ],
    // Its devices trust it as the applications do.
    env: { NODE_EXTRA_CA_CERTS: join(directory, 'authority.pem') },
  });
  return {
    startHub: async () => {
      await unlessStopped(() => supervised.start());
      return isStopping()
        ? undefined
        : trusting(join(directory, 'authority.pem'), join(directory, 'trusted.pem'));
    },
    start: async () => {
      const until = performance.now() + READY_WITHIN_MS;
      while (!existsSync(summaryFile) && !isStopping() && performance.now() < until)
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      return textOf(summaryFile);
    },
    stop,
  };
};

interface Played {
  readonly name: string;
  readonly title: string;
  /** Of tools/simulator. */
  readonly program: string;
  readonly args: readonly string[];
  /** What an earlier run has said is of ids that may be gone. */
  readonly files: readonly string[];
  readonly readyFile: string;
  readonly ports?: Server['ports'];
  readonly env?: NodeJS.ProcessEnv;
}

const player = (instance: Instance, played: Played) => {
  const { settings, secrets } = instance;
  const urls = urlsOf(settings, secrets);
  const supervised = instance.add({
    name: played.name,
    title: played.title,
    command: process.execPath,
    args: [
      join(settings.root, 'tools/simulator/dist/src', played.program),
      ...played.args,
      ...['--api-key-file', secrets.adminApiKeyFile, '--url', urls.gateway],
    ],
    env: {
      ...process.env,
      MUSTER_MQTT_URL: urls.mqtt,
      MUSTER_HTTP_URL: urls.httpDevices,
      ...played.env,
    },
    cwd: process.cwd(),
    logFile: join(settings.home, 'log', `${played.name}.log`),
    ports: played.ports ?? [],
    files: [],
    prepare: () => {
      for (const file of played.files) rmSync(file, { force: true });
    },
    ready: () => Promise.resolve(existsSync(played.readyFile)),
    readyWithinMs: READY_WITHIN_MS,
    stopSignal: 'SIGTERM',
    stopWithinMs: 15_000,
    adoptable: false,
  });
  let stopping = false;
  return {
    supervised,
    isStopping: () => stopping,
    unlessStopped: async (start: () => Promise<unknown>): Promise<void> => {
      await start().catch((error: unknown) => {
        if (!stopping) throw error;
      });
    },
    stop: () => {
      stopping = true;
      return supervised.stop();
    },
  };
};

/** Beside whom Node.js was to trust anyway. */
const trusting = (authority: string, bundle: string): string => {
  const given = process.env['NODE_EXTRA_CA_CERTS'];
  if (given === undefined || given === '') return authority;
  writeFileSync(bundle, `${textOf(given)}\n${textOf(authority)}`);
  return bundle;
};

const textOf = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
