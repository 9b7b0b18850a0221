import { setInterval } from 'node:timers';
import {
  bringUp,
  bringUpNats,
  bringUpPostgres,
  bringUpRabbitmq,
  explainMissing,
  Failure,
  healthOf,
  type Instance,
  joined,
  onPath,
  openInstance,
  type Ports,
  readSettings,
  type Settings,
  urlsOf,
  variableOf,
  type WantedPort,
} from '@muster/local-servers';
import { type Application, applications } from './applications.js';
import { type Demo, demoOf, iotHubDemoOf, type IotHubDemo } from './demo.js';
import { followLog } from './follow-log.js';
import { migrateDatabase } from './migrate-database.js';
import { complain, onStopSignals, say } from './terminal.js';
import { welcome } from './welcome.js';

/** `npm start`: resolves with the exit code, when everything has been stopped again. */
export const start = async (root: string, flags: readonly string[]): Promise<number> => {
  let instance: Instance | undefined;
  try {
    const { separate, withDemo, withHub } = readFlags(flags);
    const settings = readSettings(root, process.env);
    instance = await openInstance(settings, say);
    const stopAsked = untilAskedToStop(instance);
    const hub = withHub ? iotHubDemoOf(instance) : undefined;
    const demos = [...(withDemo ? [demoOf(instance)] : []), ...(hub === undefined ? [] : [hub])];
    // Rejects when the start fails; resolves when it is done, and then there is only waiting.
    const running = run(instance, separate, hub).then(() => {
      if (demos.length > 0) say('bringing the demo to life, which takes about half a minute …');
      return Promise.all(demos.map(runDemo));
    });
    await Promise.race([stopAsked, running]);
    await stopAsked;
    say('stopping: applications first, then the servers …');
    await Promise.all(demos.map((demo) => demo.stop()));
    await Promise.allSettled([instance.stop(), running]);
    say('everything is stopped; the data stays in .muster/');
    return 0;
  } catch (error) {
    await instance?.stop();
    complain(explainMissing(error));
    return 1;
  }
};

const FLAGS = ['--processes', '--demo', '--iothub-demo'];

const readFlags = (flags: readonly string[]): { separate: boolean; withDemo: boolean; withHub: boolean } => {
  const unknown = flags.find((flag) => !FLAGS.includes(flag));
  if (unknown !== undefined) {
    throw new Failure(`npm start does not know ${unknown}.`, [
      'It knows: --processes (one process for each service), --demo (and a simulated fleet to look at), --iothub-demo (the same, with an IoT Hub on this machine and devices in it)',
    ]);
  }
  const withHub = flags.includes('--iothub-demo');
  return { separate: flags.includes('--processes'), withDemo: withHub || flags.includes('--demo'), withHub };
};

/** The platform is there with it or without: what goes wrong with the fleet is told, and stops nothing. */
const runDemo = async (demo: Demo): Promise<void> => {
  try {
    process.stdout.write(await demo.start());
  } catch (error) {
    complain(error);
  }
};

const run = async (instance: Instance, separate: boolean, hub: IotHubDemo | undefined): Promise<void> => {
  const { settings, secrets } = instance;
  await trustHub(hub);
  const apps = applications(settings, secrets, separate);
  await instance.requirePorts(wantedPorts(settings, apps));
  say('starting PostgreSQL, NATS and RabbitMQ (RabbitMQ takes about ten seconds the first time) …');
  await together([
    () => bringUpRabbitmq(instance),
    async () => {
      await together([
        () => bringUpPostgres(instance).then(() => migrateDatabase(instance)),
        () => bringUpNats(instance),
      ]);
      // Not after RabbitMQ: the applications connect to it when it is there, and its boot takes longest.
      await bringUpApplications(instance, apps);
    },
  ]);
  await instance.stopUnused();
  for (const { logFile } of apps) followLog(logFile, say);
  const publisher =
    onPath('mosquitto_pub', process.env['PATH'] ?? '') === undefined ? 'npx mqtt' : 'mosquitto_pub';
  process.stdout.write(`${welcome(settings, urlsOf(settings, secrets), apps, publisher)}\n`);
};

/** Node.js reads whom to trust when it starts: the hub has to be there before the applications. */
const trustHub = async (hub: IotHubDemo | undefined): Promise<void> => {
  const trusted = await hub?.startHub();
  if (trusted !== undefined) process.env['NODE_EXTRA_CA_CERTS'] = trusted;
};

/**
 * Waits for all even when one fails, but not for long: several missing servers
 * are told together, yet nobody waits ten seconds for a broker that is going to
 * be stopped again.
 */
const together = async (tasks: readonly (() => Promise<void>)[]): Promise<void> => {
  const running = tasks.map((task) => task());
  const all = Promise.allSettled(running);
  try {
    await Promise.all(running);
  } catch (first) {
    const settled = await Promise.race([all, patience(1_500)]);
    throw joined(
      settled.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : [])),
      first,
    );
  }
};

const patience = (milliseconds: number): Promise<readonly PromiseSettledResult<void>[]> =>
  new Promise((resolve) => setTimeout(() => resolve([]), milliseconds).unref());

const bringUpApplications = async (instance: Instance, apps: readonly Application[]): Promise<void> => {
  const told = new Map<string, string>();
  const waiting = setInterval(() => void sayWhatIsNotReady(apps, told), 5_000);
  try {
    await Promise.all(apps.map((app) => bringUp(instance, app)));
  } finally {
    clearInterval(waiting);
  }
};

/** Each state once: five seconds later the same words help nobody. */
const sayWhatIsNotReady = async (apps: readonly Application[], told: Map<string, string>): Promise<void> => {
  for (const { name, healthUrl } of apps) {
    const { ready, body } = await healthOf(healthUrl);
    const reason = ready ? '' : body.replaceAll(/\s+/g, ' ').slice(0, 300);
    // "for 10 s" and "for 15 s" are the same state.
    const state = reason.replaceAll(/\d+/g, '');
    if (reason !== '' && told.get(name) !== state) say(`still waiting for ${name}: ${reason}`);
    told.set(name, state);
  }
};

const wantedPorts = ({ given, ports }: Settings, apps: readonly Application[]): WantedPort[] => {
  const of = (title: string, name: keyof Ports): WantedPort => ({
    title,
    port: ports[name],
    variable: variableOf(name),
  });
  return [
    ...(given.database === undefined ? [of('PostgreSQL', 'postgres')] : []),
    ...(given.nats === undefined ? [of('NATS', 'nats')] : []),
    ...(given.amqp === undefined
      ? [
          of('MQTT of RabbitMQ', 'brokerMqtt'),
          of('AMQP', 'amqp'),
          of('epmd', 'epmd'),
          of('Erlang distribution', 'distribution'),
        ]
      : []),
    ...apps.flatMap((app) => app.ports.map((port) => ({ title: app.title, ...port }))),
  ];
};

const untilAskedToStop = (instance: Instance): Promise<void> =>
  new Promise((resolve) => {
    onStopSignals(
      () => resolve(),
      () => {
        say('killing what is left');
        instance.killAll();
      },
    );
  });
