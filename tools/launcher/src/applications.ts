import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  Failure,
  healthOf,
  natsKeys,
  type Secrets,
  type Server,
  type Settings,
  urlsOf,
} from '@muster/local-servers';

/** The order gives the ports of their health: MUSTER_PORT_BASE + 900 and the next ones. */
export const SEPARATE = [
  'device-registry',
  'configuration',
  'telemetry',
  'mqtt-adapter',
  'gateway',
  'firmware',
  'commands',
  'http-adapter',
  'campaign-orchestrator',
  'identity',
  'mqtt-front',
  'iothub-adapter',
] as const;

export type Application = Server & { readonly healthUrl: string };

export const applications = (
  settings: Settings,
  secrets: Secrets,
  separate: boolean,
  some: readonly string[] = SEPARATE,
): readonly Application[] => {
  const { gateway, httpDevices, mqtt, mqtts, ops } = settings.ports;
  const gatewayPort = { port: gateway, variable: 'MUSTER_GATEWAY_PORT' };
  const mqttPorts = [
    { port: mqtt, variable: 'MUSTER_MQTT_PORT' },
    { port: mqtts, variable: 'MUSTER_MQTT_TLS_PORT' },
  ];
  const devicesPort = { port: httpDevices, variable: 'MUSTER_HTTP_DEVICES_PORT' };
  if (!separate) {
    const healthUrl = `http://127.0.0.1:${gateway}/health/ready`;
    const ports = [gatewayPort, ...mqttPorts, devicesPort];
    return [application(settings, secrets, 'all-in-one', { healthUrl, ports })];
  }
  const ownPorts: Partial<Record<string, Server['ports']>> = {
    'mqtt-front': mqttPorts,
    'http-adapter': [devicesPort],
  };
  return SEPARATE.flatMap((name, index) => {
    if (!some.includes(name)) return [];
    // The gateway's pages are where users look, and speak for the others.
    if (name === 'gateway') {
      const healthUrl = `http://127.0.0.1:${gateway}/health/ready`;
      const all = companions(ops, some);
      return [application(settings, secrets, name, { healthUrl, ports: [gatewayPort], companions: all })];
    }
    const opsPort = { port: ops + index, variable: 'MUSTER_PORT_BASE' };
    return [
      application(settings, secrets, name, {
        healthUrl: `http://127.0.0.1:${opsPort.port}/health/ready`,
        ports: [opsPort, ...(ownPorts[name] ?? [])],
        opsPort: opsPort.port,
      }),
    ];
  });
};

/** The certificate of the MQTT door and the authority that it is known by, where none is given. */
export const tlsDirectory = ({ home }: Settings): string => join(home, 'mqtt-tls');

/** Where Node.js keeps what it has compiled: a third less of the time until all modules are read, from the second start on. */
export const compileCache = ({ root }: Settings): string => join(root, '.muster', 'compile-cache');

/** What every application process, and the migrations, find in their environment. */
export const applicationEnvironment = (
  settings: Settings,
  secrets: Secrets,
  opsPort?: number,
): NodeJS.ProcessEnv => {
  const urls = urlsOf(settings, secrets);
  const inherited: NodeJS.ProcessEnv = {
    MUSTER_FILES: join(settings.home, 'files'),
    MUSTER_MQTT_TLS_DIRECTORY: tlsDirectory(settings),
    MUSTER_GATEWAY_CONSOLE: join(settings.root, 'apps/console/dist/web'),
    // Part of every download URL that devices are given.
    MUSTER_FIRMWARE_BASE_URL: urls.httpDevices,
    // Part of every published event, as the address of its schema.
    MUSTER_PUBLIC_URL: urls.gateway,
    MUSTER_SEALING_KEY_FILE: secrets.sealingKeyFile,
    NODE_COMPILE_CACHE: compileCache(settings),
    ...process.env,
  };
  delete inherited['MUSTER_OPS_PORT'];
  return {
    ...inherited,
    MUSTER_DATABASE_URL: urls.database,
    MUSTER_NATS_URL: urls.nats,
    ...(settings.given.nats === undefined
      ? {
          MUSTER_NATS_CREDENTIALS_FILE: join(natsKeys(settings), 'services.creds'),
          MUSTER_NATS_INTEGRATIONS_FILE: join(natsKeys(settings), 'integrations.json'),
        }
      : {}),
    MUSTER_AMQP_URL: urls.amqp,
    MUSTER_MQTT_URL: urls.mqtt,
    MUSTER_BROKER_MQTT_URL: urls.brokerMqtt,
    MUSTER_MQTT_PORT: String(settings.ports.mqtt),
    MUSTER_MQTT_TLS_PORT: String(settings.ports.mqtts),
    MUSTER_GATEWAY_PORT: String(settings.ports.gateway),
    MUSTER_HTTP_DEVICES_PORT: String(settings.ports.httpDevices),
    MUSTER_ADMIN_API_KEY_FILE: secrets.adminApiKeyFile,
    MUSTER_ANONYMOUS_MQTT: settings.anonymousMqtt,
    ...(opsPort === undefined ? {} : { MUSTER_OPS_PORT: String(opsPort) }),
  };
};

export const migrationProgram = (settings: Settings): string =>
  compiled(settings, 'all-in-one', 'migrate.js');

export const rebuildProgram = (settings: Settings): string => compiled(settings, 'all-in-one', 'rebuild.js');

export const doctorProgram = (settings: Settings): string => compiled(settings, 'all-in-one', 'doctor.js');

type Own = {
  readonly healthUrl: string;
  readonly ports: Server['ports'];
  readonly opsPort?: number;
  readonly companions?: string;
};

const companions = (ops: number, some: readonly string[]): string =>
  SEPARATE.flatMap((name, index) =>
    name === 'gateway' || !some.includes(name) ? [] : [`${name}=http://127.0.0.1:${ops + index}`],
  ).join(',');

const application = (settings: Settings, secrets: Secrets, name: string, own: Own): Application => ({
  name,
  title: name,
  command: process.execPath,
  args: ['--enable-source-maps', compiled(settings, name, 'main.js')],
  env: {
    ...applicationEnvironment(settings, secrets, own.opsPort),
    ...(own.companions === undefined ? {} : { MUSTER_GATEWAY_COMPANIONS: own.companions }),
  },
  cwd: settings.root,
  logFile: join(settings.home, 'log', `${name}.log`),
  ports: own.ports,
  files: [],
  healthUrl: own.healthUrl,
  ready: async () => (await healthOf(own.healthUrl)).ready,
  readyWithinMs: 120_000,
  stopSignal: 'SIGTERM',
  stopWithinMs: settings.stopSeconds * 1_000 + 1_000,
  adoptable: false,
});

const compiled = (settings: Settings, name: string, file: string): string => {
  const path = join(settings.root, 'apps', name, 'dist/src', file);
  if (!existsSync(path)) throw new Failure(`${path} is missing.`, ['Build first: npm run build']);
  return path;
};
