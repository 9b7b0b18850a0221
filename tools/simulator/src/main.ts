import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { playDemo, prepareDemo } from './demo/demo.js';
import { demoSummary } from './demo/demo-summary.js';
import { HISTORY_MS } from './demo/set-up-demo.js';
import { helpText, OptionError, parseOptions, type Options } from './options.js';
import { patientApi } from './patient-api.js';
import { ApiError, platformApi } from './platform-api.js';
import { provisionFleet, type ProvisionSettings } from './provision-fleet.js';
import { brokenPromises, finalReport, Progress, type Usage } from './report.js';
import { simulate, type SimulatedPart } from './simulate.js';

const USAGE_ERROR = 64;
const LINE_MS = 1_000;
/** Where nobody looks on, a line a second is noise. */
const CALM_LINE_MS = 10_000;

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

const provision = async (options: Options): Promise<readonly SimulatedPart[]> => {
  const apiKey = readKey(options['api-key-file']);
  const settings: Omit<ProvisionSettings, 'secrets'> = {
    api: platformApi(options.url, apiKey),
    apiKey,
    fleet: options.fleet,
    interface: options.interface,
    parallel: options['provision-parallel'],
  };
  const began = performance.now();
  const seconds = (): string => ((performance.now() - began) / 1000).toFixed(1);
  if (options.demo) {
    // None of its devices has a secret besides its token.
    const api = patientApi(settings.api, { say });
    const parts = await prepareDemo({ ...settings, api, secrets: new Map() });
    say(`${options.fleet}: ${parts.flatMap(({ identities }) => identities).length} devices, ${seconds()} s`);
    return parts;
  }
  const { profile, devices } = options;
  const file = resolve(dirname(options['api-key-file']), `simulator-${options.fleet}-${profile}.json`);
  const secrets = readSecrets(file);
  const { identities, created, reused } = await provisionFleet(
    { profile, devices },
    { ...settings, secrets },
  ).finally(() => {
    // Also those of a fleet that is made by half: nobody shows them again.
    if (secrets.size > 0) writeFileSync(file, JSON.stringify(Object.fromEntries(secrets)), { mode: 0o600 });
  });
  say(`${options.fleet}-${profile}: ${created} devices created, ${reused} reused, ${seconds()} s`);
  return [{ profile, identities }];
};

/** In a demo somebody uses the platform meanwhile. */
const play = (parts: readonly SimulatedPart[], options: Options, signal: AbortSignal): Promise<void> => {
  const { fleet, seed, url, 'api-key-file': keyFile, 'summary-file': summaryFile } = options;
  return playDemo(parts, {
    api: platformApi(url, readKey(keyFile)),
    fleet,
    seed,
    signal,
    say,
    ready: (facts) => {
      const summary = demoSummary(facts, {
        fleet,
        url,
        keyFile,
        directory: process.cwd(),
        since: new Date(Date.now() - HISTORY_MS).toISOString(),
      });
      say(summary);
      if (summaryFile !== '') writeWhole(summaryFile, summary);
    },
  });
};

/** Who waits for the file never reads half of it. */
const writeWhole = (path: string, text: string): void => {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
};

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
  const demo = options.demo ? play(parts, options, over.signal) : undefined;
  try {
    await Promise.all([simulation.ended.finally(() => over.abort()), demo]);
  } catch (error) {
    // The demo came to nothing: devices without it would run for ever.
    simulation.stop();
    await simulation.ended;
    throw error;
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
