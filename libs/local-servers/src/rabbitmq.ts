import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, amqpAnswers, epmdAnswers } from './probe.js';
import { erlangEnvironment, ertsOf, type RabbitmqProgram } from './resolve.js';
import { runCommand } from './run-command.js';
import type { Secrets } from './secrets.js';
import { plainEnvironment, type Server } from './server.js';
import type { Settings } from './settings.js';
import { privateDirectory } from './state.js';

export const AMQP_USER = 'muster-adapter';
export const FRONT_USER = 'muster-front';

/**
 * Erlang's name server. Started by us and in the foreground: RabbitMQ would
 * start one as a daemon that nobody stops.
 */
export const epmdServer = (settings: Settings, program: RabbitmqProgram): Server => {
  const port = settings.ports.epmd;
  return {
    name: 'epmd',
    title: 'Erlang port mapper',
    command: join(ertsOf(program.erlang), 'epmd'),
    args: ['-port', String(port), '-address', '127.0.0.1'],
    env: { ...plainEnvironment(), ...libraryPath(program) },
    cwd: settings.home,
    logFile: join(settings.home, 'log', 'epmd.log'),
    ports: [{ port, variable: 'MUSTER_PORT_BASE' }],
    files: [],
    ready: () => epmdAnswers({ host: '127.0.0.1', port }),
    readyWithinMs: 10_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 5_000,
    adoptable: true,
  };
};

/** One of several nodes of RabbitMQ. */
export type RabbitmqNode = {
  /** `rabbitmq-2`: of its log and of its data; in the cluster it is `rabbitmq-2@localhost`. */
  readonly name: string;
  readonly amqp: number;
  readonly brokerMqtt: number;
  readonly distribution: number;
  /** Names of all of them; the first is started first, and the others join it. */
  readonly names: readonly string[];
};

const alone = ({ ports: { amqp, brokerMqtt, distribution } }: Settings): RabbitmqNode => ({
  ...{ name: 'rabbitmq', amqp, brokerMqtt, distribution, names: [] },
});

/**
 * Started through erlexec, without RabbitMQ's shell scripts: those run the
 * Erlang whose path is compiled into `erl`, and break on a path with a space.
 */
export const rabbitmqServer = (
  settings: Settings,
  program: RabbitmqProgram,
  secrets: Secrets,
  node: RabbitmqNode = alone(settings),
): Server => {
  const { name, amqp, brokerMqtt, distribution } = node;
  const isAlone = node.names.length === 0;
  const [major = '0', minor = '0'] = program.version.split('.');
  // Data of one version is opened by that version only.
  const data = join(settings.home, 'data', `${name}-${major}.${minor}`);
  const config = join(settings.home, name);
  const definitions = join(config, 'definitions');
  const deploy = (file: string) => readFileSync(join(settings.root, 'deploy/rabbitmq', file), 'utf8');
  return {
    name,
    title: isAlone ? `RabbitMQ ${program.version}` : name,
    command: join(ertsOf(program.erlang), 'erlexec'),
    args: ERLANG_ARGUMENTS,
    env: {
      ...erlangOf(settings, program, isAlone ? data : cookieHome(settings)),
      ERL_MAX_ETS_TABLES: '50000',
      ERL_MAX_PORTS: '65536',
      ERL_CRASH_DUMP: '/dev/null', // hundreds of megabytes that nobody reads
      RABBITMQ_HOME: program.home,
      RABBITMQ_NODENAME: isAlone ? 'muster@localhost' : nodeName(name),
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_MNESIA_BASE: data,
      RABBITMQ_LOG_BASE: join(settings.home, 'log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_PID_FILE: join(data, 'pid'),
      RABBITMQ_CONF_ENV_FILE: join(config, 'rabbitmq-env.conf'),
      RABBITMQ_CONFIG_FILE: join(config, 'rabbitmq.conf'),
      RABBITMQ_ADVANCED_CONFIG_FILE: join(config, 'advanced.config'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(config, 'enabled_plugins'),
    },
    cwd: settings.home,
    logFile: join(settings.home, 'log', `${name}.log`),
    ports: [
      { port: amqp, variable: 'MUSTER_PORT_BASE' },
      { port: distribution, variable: 'MUSTER_PORT_BASE' },
      { port: brokerMqtt, variable: 'MUSTER_PORT_BASE' },
    ],
    files: [
      { path: join(config, 'rabbitmq-env.conf'), content: '' }, // else the system's /etc/rabbitmq is read
      {
        path: join(config, 'rabbitmq.conf'),
        content: [
          deploy('10-muster.conf'),
          isVersion4(program) ? deploy('20-rabbitmq-4.conf') : '',
          localConfig(node, definitions),
        ].join('\n'),
      },
      { path: join(config, 'advanced.config'), content: deploy('advanced.config') },
      { path: join(config, 'enabled_plugins'), content: deploy('enabled_plugins') },
      ...definitionFiles(deploy('definitions.json'), secrets).map(({ name, content }) => ({
        path: join(definitions, name),
        content,
      })),
    ],
    prepare: () => {
      privateDirectory(data);
      privateDirectory(config);
      privateDirectory(definitions);
      if (!isAlone) makeCookie(cookieHome(settings));
    },
    // AMQP opens last, after all plugins.
    ready: async () =>
      (await amqpAnswers({ host: '127.0.0.1', port: amqp })) &&
      accepts({ host: '127.0.0.1', port: brokerMqtt }),
    readyWithinMs: 120_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 20_000,
    adoptable: true,
    explain: explainRabbitmq,
  };
};

/** As RabbitMQ's own script gives them, but for the allocator's settings, which differ between Erlang versions. */
const ERLANG_ARGUMENTS = [
  ...['-noinput', '-s', 'rabbit', 'boot', '-boot', 'start_sasl'],
  ...['+W', 'w', '+P', '1048576', '+t', '5000000', '+stbt', 'db', '+zdbbl', '128000'],
  ...['+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none'],
  ...['-syslog', 'logger', '[]', '-syslog', 'syslog_error_logger', 'false'],
  ...[
    '-kernel',
    'prevent_overlapping_partitions',
    'false',
    '-kernel',
    'inet_dist_use_interface',
    '{127,0,0,1}',
  ],
];

const isVersion4 = ({ version }: RabbitmqProgram): boolean => Number(version.split('.')[0]) >= 4;

/** Nodes of a cluster, and who commands them, know each other by the cookie there. */
const cookieHome = ({ home }: Settings): string => join(home, 'data', 'rabbitmq-cookie');

/** By us: of nodes that begin at the same moment each would make its own. */
const makeCookie = (home: string): void => {
  privateDirectory(home);
  const cookie = join(home, '.erlang.cookie');
  if (!existsSync(cookie)) writeFileSync(cookie, randomBytes(20).toString('hex'), { mode: 0o400 });
};

const nodeName = (name: string): string => `${name}@localhost`;

const erlangOf = (settings: Settings, program: RabbitmqProgram, home: string): NodeJS.ProcessEnv => ({
  ...plainEnvironment(),
  ...erlangEnvironment(program.erlang, program.libraries),
  HOME: home, // the Erlang cookie is made there
  ERL_LIBS: join(program.home, 'plugins'),
  ERL_EPMD_PORT: String(settings.ports.epmd),
  ERL_EPMD_ADDRESS: '127.0.0.1',
});

/**
 * `rabbitmqctl` and `rabbitmq-queues` of a node of a cluster, without their shell scripts, as above. Resolves with what it
 * prints; throws what it complains of.
 */
export const commandRabbitmq = async (
  settings: Settings,
  program: RabbitmqProgram,
  node: Pick<RabbitmqNode, 'name'>,
  [command = '', ...args]: readonly string[],
): Promise<string> => {
  const { code, stdout, stderr } = await runCommand(
    join(ertsOf(program.erlang), 'erlexec'),
    [
      ...['+B', '-boot', 'start_clean', '-noinput', '-noshell', '-hidden'],
      ...['-run', 'escript', 'start', '-escript', 'main', 'rabbitmqctl_escript'],
      ...['-extra', join(program.home, 'escript', command), '-n', nodeName(node.name), ...args],
    ],
    { env: erlangOf(settings, program, cookieHome(settings)), cwd: settings.home, timeoutMs: 60_000 },
  );
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr.trim()} ${stdout.trim()}`);
  return stdout;
};

const localConfig = ({ amqp, brokerMqtt, names }: RabbitmqNode, definitions: string): string =>
  [
    '# From here on: this machine.',
    `listeners.tcp.1 = 127.0.0.1:${amqp}`,
    `mqtt.listeners.tcp.1 = 127.0.0.1:${brokerMqtt}`,
    `load_definitions = ${definitions}`,
    ...names.map((name, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${nodeName(name)}`),
    '',
  ].join('\n');

/**
 * Two files, of which RabbitMQ loads the second when it has done all of the first. It takes MQTT before it loads any, and
 * acknowledges what no queue is bound for: so nobody may come in before the queues are there.
 */
export const definitionFiles = (
  queues: string,
  passwords: Passwords,
): readonly { readonly name: string; readonly content: string }[] => [
  { name: QUEUES_FILE, content: queues },
  { name: USERS_FILE, content: userDefinitions(passwords) },
];

/** In the order of their names. */
export const QUEUES_FILE = '10-queues.json';
export const USERS_FILE = '20-users.json';

type Passwords = Pick<Secrets, 'amqpPassword' | 'frontPassword'>;

/** mqtt-adapter's, and mqtt-front's, which can do no more than MQTT clients do. */
export const userDefinitions = ({ amqpPassword, frontPassword }: Passwords): string => {
  const user = (name: string, password: string) => ({
    name,
    password_hash: passwordHash(password),
    hashing_algorithm: 'rabbit_password_hashing_sha256',
    tags: [],
  });
  return JSON.stringify(
    {
      users: [user(AMQP_USER, amqpPassword), user(FRONT_USER, frontPassword)],
      permissions: [
        { user: AMQP_USER, vhost: '/', configure: '.*', write: '.*', read: '.*' },
        { user: FRONT_USER, vhost: '/', ...FRONT_PERMISSIONS },
      ],
    },
    null,
    2,
  );
};

/**
 * Sessions of clients, and the exchange by which they publish and subscribe; 4.x keeps a delayed will in a queue, too, and puts it
 * there by the default exchange.
 */
const FRONT_PERMISSIONS = {
  configure: '^mqtt-(subscription|will)-',
  write: '^(mqtt-(subscription|will)-.*|amq\\.(topic|default))$',
  read: '^(mqtt-(subscription|will)-.*|amq\\.topic)$',
};

/**
 * The salt comes from the password (256 random bits), so that the file, and
 * with it the fingerprint, is the same at every start.
 */
const passwordHash = (password: string): string =>
  saltedHash(createHash('sha256').update(`salt:${password}`).digest().subarray(0, 4), password);

/** RabbitMQ's format: base64(salt + SHA-256(salt + password)). */
export const saltedHash = (salt: Buffer, password: string): string =>
  Buffer.concat([salt, createHash('sha256').update(salt).update(password).digest()]).toString('base64');

/** The reason is one line among some twenty kilobytes of Erlang terms. */
export const explainRabbitmq = (log: string) => {
  const line = log
    .split('\n')
    .map((text) => text.replace(/^.*\[error\] <[^>]*>\s*/, '').trim())
    .find((text) =>
      /^(ERROR:|Error during startup|Failed to (load|start)|.*(eaddrinuse|enospc|corrupt))/i.test(text),
    );
  if (line === undefined) return undefined;
  return { message: line.slice(0, 300), advice: ['The whole story is in .muster/log/rabbitmq.log.'] };
};

const libraryPath = ({ libraries }: RabbitmqProgram): NodeJS.ProcessEnv =>
  libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries };
