import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { helpText, OptionError, parseOptions, type Options } from './options.js';
import { operate } from './operator.js';
import { ApiError, platformApi } from './platform-api.js';
import { provisionFleet, type FleetPart } from './provision-fleet.js';
import { brokenPromises, finalReport, Progress, type Usage } from './report.js';
import { simulate, type SimulatedPart } from './simulate.js';

const USAGE_ERROR = 64;
const LINE_MS = 1_000;
/** Where nobody looks on, a line a second is noise. */
const CALM_LINE_MS = 10_000;

const DEMO: readonly FleetPart[] = [
  { profile: 'radiator', devices: 8 },
  { profile: 'tracker', devices: 3 },
  { profile: 'gateway', devices: 4 },
];

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

const readOptions = (): Options | undefined => {
  try {
    const options = parseOptions(process.argv.slice(2), process.env);
    if (!options.help) return options;
    say(helpText());
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = USAGE_ERROR;
  }
  return undefined;
};

const readKey = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new ApiError(0, '', `there is no key in ${file}; --api-key-file names another one`);
  }
};

/** Beside the key, which opens more than they do. */
const readSecrets = (file: string): Map<string, string> =>
  existsSync(file)
    ? new Map(Object.entries(JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>))
    : new Map<string, string>();

const provision = async (options: Options): Promise<SimulatedPart[]> => {
  const apiKey = readKey(options['api-key-file']);
  const api = platformApi(options.url, apiKey);
  const wanted = options.demo ? DEMO : [{ profile: options.profile, devices: options.devices }];
  const parts: SimulatedPart[] = [];
  for (const part of wanted) {
    const began = performance.now();
    const file = resolve(dirname(options['api-key-file']), `simulator-${options.fleet}-${part.profile}.json`);
    const secrets = readSecrets(file);
    const { identities, created, reused } = await provisionFleet(part, {
      secrets,
      api,
      apiKey,
      fleet: options.fleet,
      interface: options.interface,
      parallel: options['provision-parallel'],
    }).finally(() => {
      // Also those of a fleet that is made by half: nobody shows them again.
      if (secrets.size > 0) writeFileSync(file, JSON.stringify(Object.fromEntries(secrets)), { mode: 0o600 });
    });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    say(`${options.fleet}-${part.profile}: ${created} devices created, ${reused} reused, ${seconds} s`);
    parts.push({ profile: part.profile, identities });
  }
  return parts;
};

/** In a demo somebody uses the platform meanwhile. */
const playOperator = (
  parts: readonly SimulatedPart[],
  options: Options,
  signal: AbortSignal,
): Promise<void> =>
  operate(
    parts.map(({ profile, identities }) => ({ profile, names: identities.map(({ name }) => name) })),
    { api: platformApi(options.url, readKey(options['api-key-file'])), seed: options.seed, signal, say },
  );

const run = async (options: Options): Promise<void> => {
  const parts = await provision(options);
  const started = performance.now();
  const cpuBefore = process.cpuUsage();
  const usage = (): Usage => {
    const elapsedSeconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    return {
      elapsedSeconds,
      rss: process.memoryUsage.rss(),
      cpuShare: (user + system) / 1e6 / elapsedSeconds,
    };
  };
  const simulation = simulate(parts, options);
  const progress = new Progress();
  const isTerminal = process.stdout.isTTY;
  const lines = setInterval(
    () => {
      const line = progress.line(simulation.counters, usage());
      if (isTerminal) process.stdout.write(`\r\u001b[2K${line.slice(0, process.stdout.columns - 1)}`);
      else say(line);
    },
    isTerminal ? LINE_MS : CALM_LINE_MS,
  );
  process.once('SIGINT', simulation.stop);
  process.once('SIGTERM', simulation.stop);
  const over = new AbortController();
  const operator = options.demo ? playOperator(parts, options, over.signal) : undefined;
  try {
    await Promise.all([simulation.ended.finally(() => over.abort()), operator]);
  } finally {
    over.abort();
    clearInterval(lines);
    if (isTerminal) process.stdout.write('\n');
  }
  say(finalReport(simulation.counters, usage()));
  const broken = brokenPromises(simulation.counters, options);
  for (const promise of broken) say(`FAILED: ${promise}`);
  if (broken.length > 0) process.exitCode = 1;
};

const options = readOptions();
if (options !== undefined) {
  try {
    await run(options);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
