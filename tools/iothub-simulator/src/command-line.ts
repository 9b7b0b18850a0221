import { parseArgs } from 'node:util';
import { ROUTE_SOURCES, type RouteSource } from './hub/hub-events.js';
import type { Tier } from './hub/quotas.js';
import type { SimulatorOptions } from './options.js';

export interface CommandLine {
  readonly help: boolean;
  /** Where authority and keys are kept. Undefined: nowhere, and both are new at every start. */
  readonly directory: string | undefined;
  readonly controlPort: number;
  /** Made at the start, with keys that are printed. */
  readonly devices: readonly string[];
  readonly verbose: boolean;
  readonly simulator: SimulatorOptions;
}

export const HELP = `usage: iothub-simulator [options]

  --port <number>         TLS port for REST, AMQP and MQTT alike; may be given often. (28443)
  --address <ip>          Address to listen at. (127.0.0.1)
  --host-name <name>      The hub's name. (localhost:<port>)
  --control-port <number> HTTP on 127.0.0.1, to inject faults. (28080)
  --directory <path>      Keeps the authority and the keys, so that connection strings last. (kept nowhere)
  --device <id>           Creates a device with a key; may be given often.
  --route <source>        ${ROUTE_SOURCES.join(', ')}, or all; may be given often. (DeviceMessages)
  --tier <S1, S2, S3>     Throttles as this tier does. (nothing is throttled)
  --units <number>        Units of the tier. (1)
  --scale <number>        All quotas times this. (1)
  --partitions <number>   Of the event hub. (4)
  --consumer-group <name> Besides $Default; may be given often.
  --verbose               Says what is refused and ended.
  --help                  This text.
`;

const DEFAULT_PORT = 28_443;
const DEFAULT_CONTROL_PORT = 28_080;
const TIERS: readonly Tier[] = ['S1', 'S2', 'S3'];

/** Throws an Error with the option and its rule. */
export const parseCommandLine = (args: readonly string[]): CommandLine => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', multiple: true },
      address: { type: 'string' },
      'host-name': { type: 'string' },
      'control-port': { type: 'string' },
      directory: { type: 'string' },
      device: { type: 'string', multiple: true },
      route: { type: 'string', multiple: true },
      tier: { type: 'string' },
      units: { type: 'string' },
      scale: { type: 'string' },
      partitions: { type: 'string' },
      'consumer-group': { type: 'string', multiple: true },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const tier = values.tier === undefined ? undefined : oneOf('tier', values.tier, TIERS);
  return {
    help: values.help,
    directory: values.directory,
    controlPort: portOf('control-port', values['control-port'] ?? `${DEFAULT_CONTROL_PORT}`),
    devices: values.device ?? [],
    verbose: values.verbose,
    simulator: {
      ports: (values.port ?? [`${DEFAULT_PORT}`]).map((port) => portOf('port', port)),
      address: values.address,
      hostName: values['host-name'],
      routes: routesOf(values.route),
      eventHub: {
        ...(values.partitions === undefined
          ? {}
          : { partitions: numberOf('partitions', values.partitions, 1, 32) }),
        consumerGroups: values['consumer-group'] ?? [],
      },
      ...(tier === undefined
        ? {}
        : {
            quotas: {
              tier,
              units: numberOf('units', values.units ?? '1', 1, 200),
              scale: numberOf('scale', values.scale ?? '1', 0.000_1, 10_000),
            },
          }),
    },
  };
};

const routesOf = (given: readonly string[] | undefined): readonly RouteSource[] | undefined => {
  if (given?.includes('all')) return ROUTE_SOURCES;
  return given?.map((source) => oneOf('route', source, ROUTE_SOURCES));
};

const portOf = (name: string, text: string): number => {
  const port = numberOf(name, text, 0, 65_535);
  if (!Number.isInteger(port)) throw new Error(`--${name} is a whole number, not ${text}`);
  return port;
};

const numberOf = (name: string, text: string, least: number, most: number): number => {
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most) return value;
  throw new Error(`--${name} is a number from ${least} to ${most}, not ${text}`);
};

const oneOf = <T extends string>(name: string, text: string, allowed: readonly T[]): T => {
  const found = allowed.find((one) => one === text);
  if (found === undefined) throw new Error(`--${name} is one of ${allowed.join(', ')}, not ${text}`);
  return found;
};
