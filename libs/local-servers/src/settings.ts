import { join } from 'node:path';
import { Failure } from './failure.js';

/** Everything that can be chosen from outside, read once. `docs/running.md` lists the variables. */
export type Settings = {
  /** The checkout. */
  readonly root: string;
  /** `.muster`, or a directory below it for a test run: state, secrets, logs, data. */
  readonly home: string;
  /** Unpacked server packages; shared by all instances of the checkout. */
  readonly servers: string;
  readonly ports: Ports;
  /** Servers that already run elsewhere; these are used and never started or stopped. */
  readonly given: Given;
  readonly anonymousMqtt: 'on' | 'off';
  /** How long an application may take to stop. It reads the same variable, and ends by itself then. */
  readonly stopSeconds: number;
  /** Test instances may lose their data in a power cut, which makes them faster. */
  readonly durable: boolean;
  /** Settings of PostgreSQL that are not as usual: more connections, an archive. */
  readonly postgres: Readonly<Record<string, string | number>>;
};

export type Ports = {
  readonly gateway: number;
  /** Of the door for devices. */
  readonly mqtt: number;
  /** The same, over TLS. */
  readonly mqtts: number;
  /** The device API over HTTP. */
  readonly httpDevices: number;
  readonly nats: number;
  readonly postgres: number;
  readonly amqp: number;
  readonly epmd: number;
  readonly distribution: number;
  /** RabbitMQ's own, which only the door uses. */
  readonly brokerMqtt: number;
  /** Health of separate application processes: this one and the next ones. */
  readonly ops: number;
  /** Of `--iothub-demo`: the simulated IoT Hub, and where its faults are set. */
  readonly iotHub: number;
  readonly iotHubControl: number;
};

export type Given = {
  readonly database?: string;
  readonly nats?: string;
  readonly amqp?: string;
  readonly brokerMqtt?: string;
  /** Not used by us: what to print. */
  readonly mqtt?: string;
};

export const GIVEN_BY: Readonly<Record<keyof Given, string>> = {
  database: 'MUSTER_DATABASE_URL',
  nats: 'MUSTER_NATS_URL',
  amqp: 'MUSTER_AMQP_URL',
  brokerMqtt: 'MUSTER_BROKER_MQTT_URL',
  mqtt: 'MUSTER_MQTT_URL',
};

/** Offsets of what only our own processes talk to. */
const INTERNAL = {
  epmd: 369,
  postgres: 432,
  distribution: 567,
  amqp: 672,
  brokerMqtt: 881,
  ops: 900,
  iotHub: 443,
  iotHubControl: 480,
} as const;
/** In a test run what users connect to moves along. */
const PUBLIC = { gateway: 300, httpDevices: 301, mqtt: 883, mqtts: 884, nats: 422 } as const;

export const TEST_OFFSETS: readonly number[] = [...Object.values(INTERNAL), ...Object.values(PUBLIC)];

export const variableOf = (port: keyof Ports): string => {
  if (port === 'gateway') return 'MUSTER_GATEWAY_PORT';
  if (port === 'httpDevices') return 'MUSTER_HTTP_DEVICES_PORT';
  if (port === 'mqtt') return 'MUSTER_MQTT_PORT';
  if (port === 'mqtts') return 'MUSTER_MQTT_TLS_PORT';
  if (port === 'nats') return 'MUSTER_NATS_PORT';
  return 'MUSTER_PORT_BASE';
};

export const readSettings = (root: string, environment: NodeJS.ProcessEnv): Settings => {
  const base = port(environment, 'MUSTER_PORT_BASE', 17_000);
  const home = join(root, '.muster');
  return {
    root,
    home,
    servers: join(home, 'servers'),
    ports: {
      ...internalPorts(base),
      gateway: port(environment, 'MUSTER_GATEWAY_PORT', 3_000),
      httpDevices: port(environment, 'MUSTER_HTTP_DEVICES_PORT', 3_001),
      mqtt: port(environment, 'MUSTER_MQTT_PORT', 1_883),
      mqtts: port(environment, 'MUSTER_MQTT_TLS_PORT', 8_883),
      nats: port(environment, 'MUSTER_NATS_PORT', 4_222),
    },
    given: {
      database: url(environment, GIVEN_BY.database, ['postgres:', 'postgresql:']),
      nats: url(environment, GIVEN_BY.nats, ['nats:', 'tls:']),
      amqp: url(environment, GIVEN_BY.amqp, ['amqp:', 'amqps:']),
      brokerMqtt: url(environment, GIVEN_BY.brokerMqtt, ['mqtt:']),
      mqtt: url(environment, GIVEN_BY.mqtt, ['mqtt:', 'mqtts:']),
    },
    anonymousMqtt: onOff(environment, 'MUSTER_ANONYMOUS_MQTT', 'on'),
    stopSeconds: whole(environment, 'MUSTER_STOP_SECONDS', 3_600, STOP_SECONDS),
    durable: true,
    postgres: {},
  };
};

/** A test run uses nothing of the environment: it shall give the same result beside anything that runs. */
export const testSettings = (root: string, run: string, base: number): Settings => ({
  root,
  home: join(root, '.muster', 'test', run),
  servers: join(root, '.muster', 'servers'),
  ports: {
    ...internalPorts(base),
    gateway: base + PUBLIC.gateway,
    httpDevices: base + PUBLIC.httpDevices,
    mqtt: base + PUBLIC.mqtt,
    mqtts: base + PUBLIC.mqtts,
    nats: base + PUBLIC.nats,
  },
  given: {},
  anonymousMqtt: 'on',
  stopSeconds: STOP_SECONDS,
  durable: false,
  postgres: {},
});

const internalPorts = (base: number) => ({
  epmd: base + INTERNAL.epmd,
  brokerMqtt: base + INTERNAL.brokerMqtt,
  postgres: base + INTERNAL.postgres,
  distribution: base + INTERNAL.distribution,
  amqp: base + INTERNAL.amqp,
  ops: base + INTERNAL.ops,
  iotHub: base + INTERNAL.iotHub,
  iotHubControl: base + INTERNAL.iotHubControl,
});

const STOP_SECONDS = 20;

const port = (environment: NodeJS.ProcessEnv, name: string, fallback: number): number =>
  whole(environment, name, name === 'MUSTER_PORT_BASE' ? 31_700 : 65_535, fallback);

const whole = (environment: NodeJS.ProcessEnv, name: string, highest: number, fallback: number): number => {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > highest) {
    throw new Failure(`${name} must be a whole number from 1 to ${highest}.`);
  }
  return value;
};

/** The value may hold a password, so it is never shown. */
const url = (
  environment: NodeJS.ProcessEnv,
  name: string,
  schemes: readonly string[],
): string | undefined => {
  const text = environment[name];
  if (text === undefined || text === '') return undefined;
  if (!URL.canParse(text) || !schemes.includes(new URL(text).protocol)) {
    throw new Failure(
      `${name} must be a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}.`,
    );
  }
  return text;
};

const onOff = (environment: NodeJS.ProcessEnv, name: string, fallback: 'on' | 'off'): 'on' | 'off' => {
  const text = environment[name];
  if (text === undefined || text === '') return fallback;
  if (text !== 'on' && text !== 'off') throw new Failure(`${name} must be "on" or "off".`);
  return text;
};
