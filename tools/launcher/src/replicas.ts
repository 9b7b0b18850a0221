import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  bringUpNats,
  bringUpPostgres,
  bringUpRabbitmq,
  freePort,
  freePortBase,
  healthOf,
  type Instance,
  openInstance,
  postgresPlace,
  runCommand,
  type CommandResult,
  serverUser,
  type Settings,
  TEST_OFFSETS,
  testSettings,
  urlsOf,
  type Urls,
} from '@muster/local-servers';
import { type Application, applicationEnvironment, applications, SEPARATE } from './applications.js';
import { Balancer } from './balancer.js';
import { migrateDatabase } from './migrate-database.js';

/** One process of a service, beside others of it. */
export type Replica = {
  readonly service: string;
  readonly nth: number;
  /** `telemetry-2`: in `state.json`, and of its log. */
  readonly name: string;
  /** Where it answers /health and /metrics. */
  readonly opsUrl: string;
  /** SIGKILL. It is not started again. */
  readonly kill: () => Promise<void>;
  /** Its door gives it no new connections, as when Kubernetes takes a pod out of its Service. */
  readonly leave: () => void;
  /** SIGTERM. It is not started again. */
  readonly stop: () => Promise<void>;
};

export type ReplicasOptions = {
  /**
   * Brings the servers up; PostgreSQL, NATS and RabbitMQ, one of each, when it is not said. Resolves with what the services
   * find in their environment besides.
   */
  readonly servers?: (instance: Instance) => Promise<NodeJS.ProcessEnv>;
  /** Before anything is there: changes where the servers are, and brings what they are to find. */
  readonly prepare?: (settings: Settings) => Promise<Settings>;
};

/** Names of all services, in the order in which they are started. */
export const SERVICES: readonly string[] = SEPARATE;

/** Each service has at most so many connections to PostgreSQL, and the drill some. */
const CONNECTIONS_OF_A_REPLICA_OF_ALL = 90;
const CONNECTIONS_BESIDE = 40;
const MOST_REPLICAS = 5;

/**
 * A platform of its own on free ports, of which each service may run several times, under a checkout of which version one
 * likes: for drills, which end replicas and begin others.
 */
export class Replicas {
  private readonly running = new Map<string, Replica>();
  private stopping: Promise<void> | undefined;

  private constructor(
    readonly instance: Instance,
    private readonly doors: Readonly<Record<string, Balancer>>,
    private readonly environment: NodeJS.ProcessEnv,
  ) {}

  static async open(
    root: string,
    run: string,
    { servers = oneOfEach, prepare = (as) => Promise.resolve(as) }: ReplicasOptions = {},
  ): Promise<Replicas> {
    const settings = await prepare({
      ...testSettings(root, `${run}-${process.pid}`, await freePortBase(TEST_OFFSETS)),
      durable: true,
      postgres: { max_connections: MOST_REPLICAS * CONNECTIONS_OF_A_REPLICA_OF_ALL + CONNECTIONS_BESIDE },
    });
    const instance = await openInstance(settings, () => undefined);
    try {
      const environment = await servers(instance);
      const { gateway, mqtt, httpDevices } = settings.ports;
      const doors = {
        gateway: await Balancer.listen(gateway),
        'mqtt-front': await Balancer.listen(mqtt),
        'http-adapter': await Balancer.listen(httpDevices),
      };
      return new Replicas(instance, doors, environment);
    } catch (error) {
      await instance.stop();
      throw error;
    }
  }

  get urls(): Urls {
    return urlsOf(this.instance.settings, this.instance.secrets);
  }

  /** `state.json`, the administrator's key and the logs are there. */
  get directory(): string {
    return this.instance.settings.home;
  }

  /** The migrations of a checkout; its own when it is not said. */
  async migrate(root = this.instance.settings.root): Promise<void> {
    const { settings, ...rest } = this.instance;
    await migrateDatabase({ ...rest, settings: { ...settings, root } });
  }

  /** A command of the services' image, `rebuild` or `doctor`, to its end. */
  command(name: string, args: readonly string[]): Promise<CommandResult> {
    const { settings, secrets } = this.instance;
    const program = join(settings.root, 'apps/all-in-one/dist/src', `${name}.js`);
    return runCommand(process.execPath, ['--enable-source-maps', program, ...args], {
      env: { ...applicationEnvironment(settings, secrets), ...this.environment },
      timeoutMs: 600_000,
    });
  }

  of(service: string): Replica[] {
    return [...this.running.values()].filter((one) => one.service === service);
  }

  all(): Replica[] {
    return [...this.running.values()];
  }

  /** Resolves when it is ready. */
  async start(service: string, nth: number, root = this.instance.settings.root): Promise<Replica> {
    const { settings, secrets } = this.instance;
    const [application] = applications({ ...settings, root }, secrets, true, [service]);
    if (application === undefined) throw new Error(`there is no ${service}`);
    const door = this.doors[service];
    const places = await placesOf(application, nth, settings, door !== undefined);
    const supervised = this.instance.add({
      ...places.application,
      env: { ...places.application.env, ...this.environment },
    });
    await supervised.start();
    const { name } = places.application;
    const { doorPort } = places;
    if (doorPort !== undefined) door?.add(doorPort);
    const leave = (): void => {
      if (doorPort !== undefined) door?.remove(doorPort);
    };
    const end = async (by?: NodeJS.Signals): Promise<void> => {
      this.running.delete(name);
      await supervised.stop(by);
      leave();
    };
    const replica: Replica = {
      ...{ service, nth, name, opsUrl: places.opsUrl },
      ...{ kill: () => end('SIGKILL'), leave, stop: () => end() },
    };
    this.running.set(name, replica);
    return replica;
  }

  /** Ends all of it. Data and logs stay until `remove`. Safe to call twice. */
  stop(): Promise<void> {
    this.stopping ??= Promise.all(Object.values(this.doors).map((door) => door.close())).then(() =>
      this.instance.stop(),
    );
    return this.stopping;
  }

  remove(): void {
    const { settings } = this.instance;
    const { base, outside } = postgresPlace(settings, serverUser());
    if (outside) rmSync(base, { recursive: true, force: true });
    rmSync(settings.home, { recursive: true, force: true });
  }
}

/** The directory of PostgreSQL's files has its major version in its name. */
export const databaseDirectory = (settings: Settings): string => {
  const data = join(postgresPlace(settings, serverUser()).base, 'data');
  const found = existsSync(data) ? readdirSync(data).find((name) => /^postgres-\d+$/.test(name)) : undefined;
  if (found === undefined) throw new Error(`there is no PostgreSQL in ${data}`);
  return join(data, found);
};

export const oneOfEach = async (instance: Instance): Promise<NodeJS.ProcessEnv> => {
  await Promise.all([bringUpPostgres(instance), bringUpNats(instance), bringUpRabbitmq(instance)]);
  return {};
};

/** The port, and the variable that says it, by which devices and operators reach it. */
const DOORS: Readonly<Record<string, string>> = {
  gateway: 'MUSTER_GATEWAY_PORT',
  'mqtt-front': 'MUSTER_MQTT_PORT',
  'http-adapter': 'MUSTER_HTTP_DEVICES_PORT',
};

/** The same application under another name and on ports of its own. It speaks for nobody else. */
const placesOf = async (
  application: Application,
  nth: number,
  settings: Settings,
  hasDoor: boolean,
): Promise<{ application: Application; opsUrl: string; doorPort?: number }> => {
  const name = `${application.name}-${nth}`;
  const opsPort = await freePort();
  const opsUrl = `http://127.0.0.1:${opsPort}`;
  const env: NodeJS.ProcessEnv = { ...application.env, MUSTER_OPS_PORT: String(opsPort) };
  delete env['MUSTER_GATEWAY_COMPANIONS'];
  const ports = [{ port: opsPort, variable: 'MUSTER_PORT_BASE' }];
  let doorPort: number | undefined;
  if (hasDoor) {
    doorPort = await freePort();
    const variable = DOORS[application.name] ?? '';
    env[variable] = String(doorPort);
    ports.push({ port: doorPort, variable });
  }
  if (application.name === 'mqtt-front') env['MUSTER_MQTT_TLS_PORT'] = String(await freePort());
  const healthUrl = `${opsUrl}/health/ready`;
  return {
    application: {
      ...{ ...application, name, title: name, env, ports, healthUrl },
      ready: async () => (await healthOf(healthUrl)).ready,
      logFile: join(settings.home, 'log', `${name}.log`),
    },
    opsUrl,
    ...(doorPort === undefined ? {} : { doorPort }),
  };
};
