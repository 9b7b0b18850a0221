import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import {
  bringUpPostgres,
  bringUpRabbitmq,
  explainMissing,
  Failure,
  freePortBase,
  type Instance,
  lockHolder,
  MARK_INSTANCE,
  MARK_SERVER,
  openInstance,
  postgresPlace,
  resolveChromium,
  resolveHelm,
  resolveKubernetesModels,
  resolveMosquitto,
  resolveNats,
  resolvePromtool,
  seconds,
  serverUser,
  stopLeftovers,
  TEST_OFFSETS,
  testSettings,
  urlsOf,
} from '@muster/local-servers';
import { compileCache } from './applications.js';
import { complain, onStopSignals } from './terminal.js';
import { addUp, type Count, countOfJest, distPattern, failure, PASSED } from './test-count.js';
import {
  arePodsAskedFor,
  type Containers,
  containersAskedFor,
  NOT_ASKED,
  type Pods,
  preparePods,
} from './test-pods.js';

const JEST = [
  '--experimental-vm-modules',
  '--no-warnings=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
];

/**
 * `npm test`: format, lint and Jest, against servers of its own on free
 * ports, so that nothing need be there and nothing that runs is disturbed.
 * `npm test -- <part of a path>` runs the specs of that name only. The last
 * line is `N passed, N failed`; the exit code is 0 only when none failed.
 */
export const test = async (root: string, patterns: readonly string[]): Promise<number> => {
  const counts: Count[] = [];
  let instance: Instance | undefined;
  try {
    await removeEarlierRuns(root);
    removeStaleSpecs(root);
    const base = await freePortBase(TEST_OFFSETS);
    instance = await openInstance(testSettings(root, String(process.pid), base), () => undefined);
    await runSteps(instance, patterns.map(distPattern), counts);
  } catch (error) {
    complain(explainMissing(error));
    counts.push(failure('the run itself'));
  } finally {
    await instance?.stop();
    if (instance !== undefined) removeData(instance);
  }
  const { passed, failed, failures } = addUp(counts);
  // Once more at the end: of a long run often only the end is looked at.
  for (const what of failures) process.stdout.write(`failed: ${what}\n`);
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  return failed === 0 && passed > 0 ? 0 : 1;
};

const runSteps = async (instance: Instance, patterns: readonly string[], counts: Count[]): Promise<void> => {
  const children = new Set<ChildProcess>();
  const interrupted = untilInterrupted(instance, children);
  const steps = async (): Promise<void> => {
    const run = { instance, children, patterns };
    const e2e = await listedSpecs(run, ['e2e']);
    const withBroker = e2e.length > 0;
    // Started now, awaited when needed: RabbitMQ boots while the first specs run.
    const database = started(bringUpPostgres(instance));
    const broker = started(withBroker ? bringUpRabbitmq(instance) : Promise.resolve());
    const style = started(patterns.length === 0 ? formatAndLint(run) : Promise.resolve([]));
    const containers = containersAskedFor(patterns);
    const withContainers = (await listedSpecs(run, [containers])).length > 0;
    const pods = started(
      withContainers && arePodsAskedFor(patterns)
        ? preparePods(instance, containers, (args) => node(run, args, { priority: LOWEST }))
        : Promise.resolve(NOT_ASKED),
    );
    await database;
    const servers = {
      ...(await testEnvironment(instance, withBroker)),
      ...(await chartToolsFor(run)),
    };
    // One after the other: side by side on two cores, what specs expect within seconds came late.
    counts.push(await jest(run, 'unit and integration', ['unit', 'int'], servers));
    if (withBroker) {
      const browser = e2e.some((path) => BROWSER_SPECS.test(path)) ? await browserFor(instance) : {};
      await broker;
      counts.push(await jest(run, 'end to end', ['e2e'], { ...servers, ...browser }));
    }
    counts.push(...(await style));
    if (withContainers) counts.push(await runPods(run, containers, await pods));
  };
  await Promise.race([steps(), interrupted]);
};

/** What prettier has seen in the same words is not looked at again. */
const CACHED = ['--cache', '--cache-strategy', 'content', '--cache-location', '.muster/prettier-cache'];

/**
 * Beside the specs, which mostly wait, and with the lowest priority, so that they do not notice.
 */
const formatAndLint = (run: Run): Promise<Count[]> =>
  Promise.all([
    check(run, 'format', ['node_modules/prettier/bin/prettier.cjs', '--check', ...CACHED, '.']),
    check(run, 'lint', ['node_modules/oxlint/bin/oxlint']),
  ]);

/** A failure is told by whoever awaits it; until then it must not end the process as unhandled. */
const started = <T>(work: Promise<T>): Promise<T> => {
  work.catch(() => undefined);
  return work;
};

type Run = {
  readonly instance: Instance;
  readonly children: Set<ChildProcess>;
  readonly patterns: readonly string[];
};

const untilInterrupted = (instance: Instance, children: ReadonlySet<ChildProcess>): Promise<never> =>
  new Promise((_resolve, reject) => {
    onStopSignals(
      (by) => {
        for (const child of children) child.kill('SIGTERM');
        reject(new Failure(`Interrupted by ${by}.`));
      },
      () => instance.killAll(),
    );
  });

/** A check that is one test: its output is shown only when it fails. */
const check = async (run: Run, name: string, args: readonly string[]): Promise<Count> => {
  const began = Date.now();
  const { code, output } = await node(run, args, { priority: LOWEST });
  const passed = code === 0;
  process.stdout.write(`${passed ? 'ok  ' : 'FAIL'}  ${name} (${seconds(began)})\n`);
  if (passed) return PASSED;
  process.stdout.write(`${output}\n`);
  return failure(name);
};

const jest = async (
  run: Run,
  name: string,
  projects: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<Count> => {
  const began = Date.now();
  const result = join(run.instance.settings.home, `jest-${projects.join('-')}.json`);
  const { code } = await node(
    run,
    [
      ...[...JEST, '--selectProjects', ...projects, '--passWithNoTests', '--json', '--outputFile', result],
      ...(projects.includes('e2e') ? ['--runInBand'] : []),
      ...(run.patterns.length > 0 ? ['--testPathPatterns', ...run.patterns] : []),
    ],
    { environment, isShown: true, result },
  );
  const json = existsSync(result) ? readFileSync(result, 'utf8') : '';
  const count = countOfJest(name, json, code, run.instance.settings.root);
  const ok = count.failed === 0;
  process.stdout.write(
    `${ok ? 'ok  ' : 'FAIL'}  ${name}: ${count.passed} passed, ${count.failed} failed (${seconds(began)})\n`,
  );
  return count;
};

/** What does not run is neither passed nor failed. */
const runPods = (run: Run, containers: Containers, pods: Pods): Promise<Count> | Count => {
  if ('environment' in pods) return jest(run, containers, [containers], pods.environment);
  if ('skipped' in pods) {
    process.stdout.write(`skip  ${containers}: ${pods.skipped}\n`);
    return { passed: 0, failed: 0, failures: [] };
  }
  process.stdout.write(`FAIL  ${containers}: they could not be made ready\n${pods.failed}\n`);
  return failure(`${containers}: they could not be made ready`);
};

const listedSpecs = async (run: Run, projects: readonly string[]): Promise<readonly string[]> => {
  const { output } = await node(run, [
    ...JEST,
    '--listTests',
    '--selectProjects',
    ...projects,
    ...(run.patterns.length > 0 ? ['--testPathPatterns', ...run.patterns] : []),
  ]);
  return output.split('\n').filter((line) => line.endsWith('.spec.js'));
};

/** Specs that open a browser: it is looked for only when there is one of them. */
const BROWSER_SPECS = /apps\/console\//;

/** Where none can be had its specs are skipped, not passed, and nothing else suffers. */
const browserFor = async ({ settings, signal }: Instance): Promise<NodeJS.ProcessEnv> => {
  const where = { servers: settings.servers, path: process.env['PATH'] ?? '', signal };
  try {
    const { path, libraries } = await resolveChromium(where);
    return {
      MUSTER_TEST_CHROMIUM: path,
      ...(libraries === undefined ? {} : { MUSTER_TEST_CHROMIUM_LIBRARIES: libraries }),
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stdout.write(
      `skip  the console in a browser: there is no Chromium on PATH, and none can be had: ${error.message}\n`,
    );
    return {};
  }
};

/** Specs of the chart for Kubernetes: what renders and checks it is looked for only when there is one of them. */
const CHART_SPECS = /tools\/chart\/.*\.int\.spec/;
const CHART_TOOLS = {
  MUSTER_TEST_HELM: { what: 'Helm', resolve: resolveHelm },
  MUSTER_TEST_PROMTOOL: { what: 'promtool', resolve: resolvePromtool },
  MUSTER_TEST_KUBERNETES_MODELS: { what: 'the schemas of Kubernetes', resolve: resolveKubernetesModels },
};

/** As with the browser: what cannot be had is said, and its specs are skipped. */
const chartToolsFor = async (run: Run): Promise<NodeJS.ProcessEnv> => {
  const specs = await listedSpecs(run, ['int']);
  if (!specs.some((path) => CHART_SPECS.test(path))) return {};
  const { settings, signal } = run.instance;
  const where = { servers: settings.servers, path: process.env['PATH'] ?? '', signal };
  const entries = Object.entries(CHART_TOOLS).map(async ([variable, { what, resolve }]) => {
    try {
      return [[variable, await resolve(where)]];
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      process.stdout.write(`skip  the chart with ${what}, which cannot be had: ${error.message}\n`);
      return [];
    }
  });
  return Object.fromEntries((await Promise.all(entries)).flat()) as NodeJS.ProcessEnv;
};

/** What libs/testing reads. */
const testEnvironment = async (
  { settings, secrets, signal }: Instance,
  withBroker: boolean,
): Promise<NodeJS.ProcessEnv> => {
  const where = { servers: settings.servers, path: process.env['PATH'] ?? '', signal };
  const urls = urlsOf(settings, secrets);
  const nats = await resolveNats(where);
  const common = {
    MUSTER_TEST_DATABASE_URL: urls.database,
    MUSTER_TEST_NATS_BINARY: nats.path,
  };
  if (!withBroker) return common;
  const mosquitto = await resolveMosquitto(where);
  return {
    ...common,
    MUSTER_TEST_AMQP_URL: urls.amqp,
    MUSTER_TEST_MQTT_URL: urls.mqtt,
    MUSTER_TEST_BROKER_MQTT_URL: urls.brokerMqtt,
    MUSTER_TEST_MOSQUITTO: mosquitto.directory,
    ...(mosquitto.libraries === undefined ? {} : { MUSTER_TEST_MOSQUITTO_LIBRARIES: mosquitto.libraries }),
  };
};

/** Of an IoT Hub of Azure that is there for tests: whoever sets it wants its specs to use it. */
const GIVEN_HUB = 'MUSTER_IOTHUB_CONNECTION_STRING';

/** A developer's MUSTER_DATABASE_URL may name a real database; no test shall ever see it. */
const withoutMuster = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(environment).filter(([name]) => name === GIVEN_HUB || !name.startsWith('MUSTER_')),
  );

/** Of `setPriority`: everybody else goes first. */
const LOWEST = 19;
/** Jest waits for ever for what a spec has left open. All that it found is in its result by then, that it was left open too. */
const END_MS = 10_000;

interface Manner {
  readonly environment?: NodeJS.ProcessEnv;
  readonly isShown?: boolean;
  readonly priority?: number;
  /** A file that it writes last: it is killed when it does not end with that. */
  readonly result?: string;
}

/** The mark makes the sweep at the end find even what a killed Jest worker left behind. */
const node = async (
  { instance, children }: Run,
  args: readonly string[],
  { environment = {}, isShown = false, priority = 0, result }: Manner = {},
): Promise<{ code: number | null; output: string }> => {
  // --json makes Jest print its result on stdout as well; its report for people goes to stderr.
  const child = spawn(process.execPath, args, {
    cwd: instance.settings.root,
    env: {
      ...withoutMuster(process.env),
      NODE_COMPILE_CACHE: compileCache(instance.settings),
      ...environment,
      [MARK_INSTANCE]: instance.settings.home,
      [MARK_SERVER]: 'tests',
    },
    stdio: isShown ? ['ignore', 'ignore', 'inherit'] : ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  if (child.pid !== undefined) setPriority(child.pid, priority);
  const watch = setInterval(() => {
    if (result === undefined || !existsSync(result)) return;
    clearInterval(watch);
    setTimeout(() => child.kill('SIGKILL'), END_MS).unref();
  }, 1_000);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (more: string) => (text += more));
  const [code] = (await once(child, 'close')) as [number | null];
  clearInterval(watch);
  children.delete(child);
  return { code, output: text };
};

/** Runs that were killed: their servers are found by their mark and stopped, their data removed. Runs that live are left alone. */
const removeEarlierRuns = async (root: string): Promise<void> => {
  const runs = join(root, '.muster', 'test');
  for (const name of existsSync(runs) ? readdirSync(runs) : []) {
    const home = join(runs, name);
    if (lockHolder(home) !== null) continue;
    await stopLeftovers(
      home,
      new Map(),
      () => undefined,
      () => undefined,
    );
    removeOutside(root, name);
    rmSync(home, { recursive: true, force: true });
  }
};

/** The logs stay until the next run, for whoever looks for the cause of a failure. */
const removeData = ({ settings }: Instance): void => {
  rmSync(join(settings.home, 'data'), { recursive: true, force: true });
  removeOutside(settings.root, settings.home.split('/').at(-1) ?? '');
};

const removeOutside = (root: string, run: string): void => {
  const { base, outside } = postgresPlace(testSettings(root, run, 0), serverUser());
  if (outside) rmSync(base, { recursive: true, force: true });
};

/** tsc leaves the output of a removed source in place, and Jest would run it. */
const removeStaleSpecs = (root: string): void => {
  for (const group of ['apps', 'libs', 'tools']) {
    for (const project of readdirSync(join(root, group))) {
      const dist = join(root, group, project, 'dist', 'src');
      if (!existsSync(dist)) continue;
      for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
        if (!file.endsWith('.spec.js')) continue;
        const source = join(root, group, project, 'src', file.replace(/\.js$/, '.ts'));
        if (!existsSync(source) && !existsSync(`${source}x`)) rmSync(join(dist, file));
      }
    }
  }
};
