import { parseArgs } from 'node:util';
import { PROFILE_NAMES } from './profiles.js';

/** One sentence that names the option. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}

interface Option<T> {
  readonly help: string;
  /** Shown in the help; empty for a flag. */
  readonly unit: string;
  readonly initial: string;
  readonly read: (text: string, name: string) => T;
}

const wrong = (name: string, rule: string, text: string): OptionError =>
  new OptionError(`--${name} must be ${rule}, is "${text}".`);

const number =
  (low: number, high: number, rule = `a number from ${low} to ${high}`) =>
  (text: string, name: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= low && value <= high)) throw wrong(name, rule, text);
    return value;
  };

const whole =
  (low: number, high: number) =>
  (text: string, name: string): number => {
    const rule = `a whole number from ${low} to ${high}`;
    const value = number(low, high, rule)(text, name);
    if (!Number.isInteger(value)) throw wrong(name, rule, text);
    return value;
  };

const share = number(0, 1);

const oneOf =
  <T extends string>(...values: readonly T[]) =>
  (text: string, name: string): T => {
    const value = values.find((candidate) => candidate === text);
    if (value === undefined) throw wrong(name, `one of ${values.join(', ')}`, text);
    return value;
  };

const address =
  (...protocols: readonly string[]) =>
  (text: string, name: string): string => {
    if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol)) {
      throw wrong(
        name,
        `an address that begins with ${protocols.map((one) => `${one}//`).join(' or ')}`,
        text,
      );
    }
    return text.replace(/\/+$/, '');
  };

const fleetName = (text: string, name: string): string => {
  if (!/^[A-Za-z0-9_-]{1,40}$/.test(text)) throw wrong(name, '1 to 40 letters, digits, _ or -', text);
  return text;
};

const EXTENSIONS = ['cmx', 'epmx', 'cex', 'cmx_ota'] as const;
export type OptionalExtension = (typeof EXTENSIONS)[number];

const extensions = (text: string, name: string): ReadonlySet<OptionalExtension> =>
  new Set(
    text
      .split(',')
      .filter((one) => one !== '')
      .map((one) => oneOf(...EXTENSIONS)(one, name)),
  );

const anything = (text: string): string => text;
const flag = (text: string): boolean => text === 'true';

const option = <T>(
  unit: string,
  initial: string,
  help: string,
  read: (text: string, name: string) => T,
): Option<T> => ({ unit, initial, help, read });

const OPTIONS = {
  devices: option('count', '20', 'Devices, each with a token of its own.', whole(1, 200_000)),
  profile: option('name', 'radiator', `What they are: ${PROFILE_NAMES.join(', ')}.`, oneOf(...PROFILE_NAMES)),
  fleet: option(
    'name',
    'sim',
    'Begin of the names of device type and devices; the same name again reuses them.',
    fleetName,
  ),
  demo: option(
    '',
    'false',
    'A fleet of four kinds with something of everything, given settings and commands by an operator; until Ctrl-C.',
    flag,
  ),
  'summary-file': option(
    'path',
    '',
    'Where a demo also writes what there is to look at, once it is there.',
    anything,
  ),
  interface: option('name', 'mqtt', 'How devices speak: mqtt or http.', oneOf('mqtt', 'http')),
  rate: option('samples/s', '0.1', 'Samples of each device.', number(0, 1000)),
  duration: option(
    's',
    '60',
    'How long, once all were told to connect; 0 is until Ctrl-C.',
    number(0, 10_000_000),
  ),
  qos: option('0 or 1', '1', 'Quality of service of what devices publish and subscribe to.', oneOf('0', '1')),
  'request-ids': option('share', '1', 'Samples that ask for an answer.', share),
  'answer-timeout': option(
    's',
    '10',
    'Without an answer for so long, a request counts as silent.',
    number(0.1, 3600),
  ),
  seed: option('text', '1', 'The same seed, the same devices, values and failures.', anything),
  'connect-rate': option(
    '1/s',
    '100',
    'Connections begun; RabbitMQ manages about 400/s.',
    number(0.1, 10_000),
  ),
  offline: option('share', '0', 'Time that connections are away.', number(0, 0.95)),
  'offline-duration': option('s', '20', 'Mean length of an absence.', number(0.1, 86_400)),
  'config-delay': option('s', '1', 'Mean time to apply a configuration.', number(0, 3600)),
  'config-failure': option('share', '0', 'Configurations that are refused with 422.', share),
  'command-delay': option('s', '0.5', 'Mean time to execute a command.', number(0, 3600)),
  'command-failure': option('share', '0', 'Commands that fail with 500.', share),
  'firmware-delay': option('s', '5', 'Mean time to apply a firmware after its download.', number(0, 3600)),
  'firmware-failure': option(
    'share',
    '0',
    'Firmwares that are refused with 422 after their download.',
    share,
  ),
  'firmware-version': option('text', '1.0.0', 'Version that devices run at first.', anything),
  downloads: option('count', '8', 'Firmware downloads at the same time.', whole(1, 1000)),
  extensions: option('list', EXTENSIONS.join(','), 'What devices use besides telemetry.', extensions),
  'tokens-per-gateway': option(
    'count',
    '20',
    'Tokens for which a connection of profile gateway speaks.',
    whole(1, 1000),
  ),
  poll: option('s', '10', 'HTTP: how often a device asks what there is for it.', number(0.1, 86_400)),
  'http-connections': option(
    'count',
    '64',
    'HTTP: connections kept open by all devices together.',
    whole(1, 10_000),
  ),
  'provision-parallel': option('count', '16', 'Devices created at the same time.', whole(1, 256)),
  'tolerated-disconnects': option(
    'share',
    '0.01',
    'Of connections, ended though nobody meant to: more is a failure.',
    share,
  ),
  'tolerated-silence': option(
    'share',
    '0.01',
    'Of samples with request id, never answered: more is a failure.',
    share,
  ),
  url: option(
    'address',
    'http://127.0.0.1:3000',
    'REST API. Default: MUSTER_URL, where npm start runs here, or what is shown.',
    address('http:', 'https:'),
  ),
  'mqtt-url': option(
    'address',
    'mqtt://127.0.0.1:1883',
    'Broker. Default: MUSTER_MQTT_URL, where npm start runs here, or what is shown.',
    address('mqtt:', 'mqtts:'),
  ),
  'http-url': option(
    'address',
    'http://127.0.0.1:3001',
    'Device API over HTTP. Default: MUSTER_HTTP_URL, where npm start runs here, or what is shown.',
    address('http:', 'https:'),
  ),
  'api-key-file': option(
    'path',
    '.muster/admin-api-key',
    "The administrator's key for the REST API.",
    anything,
  ),
  help: option('', 'false', 'This text.', flag),
} satisfies Readonly<Record<string, Option<unknown>>>;

type Name = keyof typeof OPTIONS;
export type Options = { readonly [K in Name]: ReturnType<(typeof OPTIONS)[K]['read']> };

const FROM_ENVIRONMENT: Partial<Record<Name, string>> = {
  url: 'MUSTER_URL',
  'mqtt-url': 'MUSTER_MQTT_URL',
  'http-url': 'MUSTER_HTTP_URL',
};

/** What a demo is, unless the option is given too. */
const DEMO: Partial<Record<Name, string>> = {
  fleet: 'demo',
  rate: '0.5',
  duration: '0',
  'connect-rate': '20',
  offline: '0.05',
  'config-failure': '0.1',
  'command-failure': '0.2',
  'firmware-failure': '0.2',
};

const isName = (name: string): name is Name => Object.hasOwn(OPTIONS, name);
const NAMES = Object.keys(OPTIONS).filter(isName);

/** Throws `OptionError` for the first thing that is wrong; nothing is ever ignored. */
export const parseOptions = (
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Options => {
  const given = readArguments(args);
  const preset: Partial<Record<Name, string>> = given.get('demo') === 'true' ? DEMO : {};
  const values = NAMES.map((name): [Name, unknown] => {
    const variable = FROM_ENVIRONMENT[name];
    const fromEnvironment = variable === undefined ? undefined : environment[variable];
    const text = given.get(name) ?? preset[name] ?? fromEnvironment ?? OPTIONS[name].initial;
    return [name, OPTIONS[name].read(text, name)];
  });
  return Object.fromEntries(values) as unknown as Options; // each name read by its own option
};

const readArguments = (args: readonly string[]): Map<Name, string> => {
  const { tokens } = parseArgs({
    args: [...args],
    // Not strict: its sentences are about the syntax of command lines, ours about the option.
    strict: false,
    tokens: true,
    options: Object.fromEntries(
      NAMES.map((name) => [name, { type: OPTIONS[name].unit === '' ? 'boolean' : 'string' } as const]),
    ),
  });
  const given = new Map<Name, string>();
  for (const token of tokens) {
    if (token.kind === 'positional') throw new OptionError(`"${token.value}" is no option; see --help.`);
    if (token.kind === 'option-terminator') continue;
    const { name, value } = token;
    if (!isName(name)) throw new OptionError(`${token.rawName} is no option; see --help.`);
    if (given.has(name)) throw new OptionError(`--${name} is given twice.`);
    const isFlag = OPTIONS[name].unit === '';
    if (isFlag && value !== undefined) throw new OptionError(`--${name} takes no value.`);
    if (!isFlag && value === undefined)
      throw new OptionError(`--${name} needs a value (${OPTIONS[name].unit}).`);
    given.set(name, value ?? 'true');
  }
  return given;
};

export const helpText = (): string => {
  const rows = NAMES.map((name) => {
    const { unit, initial, help } = OPTIONS[name];
    const head = unit === '' ? `  --${name}` : `  --${name} <${unit}>`;
    return `${head.padEnd(36)}${help}${unit === '' ? '' : ` (${initial})`}`;
  });
  return `usage: npm run simulate -- [options]   (while npm start runs)\n\n${rows.join('\n')}\n`;
};
