import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { Failure } from './failure.js';
import { fetchPackages, librariesOf, type PackageSet } from './packages.js';
import { runCommand } from './run-command.js';

/**
 * Where a server's program comes from, in this order: on PATH, unpacked
 * below .muster/servers by an earlier start, downloaded now.
 */
export type NatsProgram = { readonly path: string; readonly origin: string };

export type RabbitmqProgram = {
  /** Directory with `plugins` and `sbin`. */
  readonly home: string;
  /** Directory with `bin` and `erts-*`. */
  readonly erlang: string;
  /** "3.10.8" */
  readonly version: string;
  /** For LD_LIBRARY_PATH, when OpenSSL had to be fetched too. */
  readonly libraries?: string;
  readonly origin: string;
};

export type MosquittoProgram = {
  /** Directory with mosquitto_pub, mosquitto_sub and mosquitto_rr. */
  readonly directory: string;
  readonly libraries?: string;
};

export type ChromiumProgram = {
  readonly path: string;
  readonly libraries?: string;
};

export type Where = { readonly servers: string; readonly path: string; readonly signal?: AbortSignal };

const NATS: PackageSet = {
  name: 'nats',
  packages: ['nats-server'],
  works: (tree) => runs(join(tree, 'usr/sbin/nats-server'), ['-v'], tree),
};

/**
 * rabbitmq-server's own dependencies on Erlang and nothing more: letting apt
 * work out the closure gives a hundred packages, libc among them. `asn1` is
 * needed by public_key; the boot fails without `eldap` even with LDAP off.
 */
const RABBITMQ: PackageSet = {
  name: 'rabbitmq',
  packages: [
    'rabbitmq-server',
    ...[
      ...['asn1', 'base', 'crypto', 'eldap', 'inets', 'mnesia', 'os-mon', 'parsetools'],
      ...['public-key', 'runtime-tools', 'ssl', 'syntax-tools', 'tools', 'xmerl'],
    ].map((part) => `erlang-${part}`),
  ],
  works: (tree) => cryptoLoads(join(tree, 'usr/lib/erlang'), librariesOf(tree)),
};

const MOSQUITTO: PackageSet = {
  name: 'mosquitto',
  packages: ['mosquitto-clients', 'libmosquitto1', 'libcjson1'],
  works: (tree) => runs(join(tree, 'usr/bin/mosquitto_pub'), ['--help'], tree),
};

/** Chromium without a window of its own, for which the other one spends two thirds of its processor time. */
const HEADLESS_CHROMIUM = 'chromium-headless-shell';

const CHROMIUM: PackageSet = {
  name: HEADLESS_CHROMIUM,
  packages: [HEADLESS_CHROMIUM],
  withNeeded: true,
  works: (tree) => chromiumRuns(tree),
};

/** Debian's and Ubuntu's names, and that of Google's own packages. */
const BROWSERS = [HEADLESS_CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

export const resolveNats = async ({ servers, path, signal }: Where): Promise<NatsProgram> => {
  const system = onPath('nats-server', path);
  if (system !== undefined) return { path: system, origin: system };
  const tree = await fetchPackages(NATS, servers, signal);
  return { path: join(tree, 'usr/sbin/nats-server'), origin: '.muster/servers/nats' };
};

/** RabbitMQ and Erlang are taken either both from the system or both from the packages, never mixed. */
export const resolveRabbitmq = async ({ servers, path, signal }: Where): Promise<RabbitmqProgram> => {
  const system = systemRabbitmq(path);
  if (system !== undefined) return system;
  const tree = await fetchPackages(RABBITMQ, servers, signal);
  const home = only(join(tree, 'usr/lib/rabbitmq/lib'), /^rabbitmq_server-/);
  return {
    home,
    erlang: join(tree, 'usr/lib/erlang'),
    version: rabbitmqVersion(home),
    libraries: librariesOf(tree),
    origin: '.muster/servers/rabbitmq',
  };
};

export const resolveMosquitto = async ({ servers, path, signal }: Where): Promise<MosquittoProgram> => {
  const programs = ['mosquitto_pub', 'mosquitto_sub', 'mosquitto_rr'].map((name) => onPath(name, path));
  const [first] = programs;
  if (first !== undefined && programs.every((program) => program !== undefined))
    return { directory: dirname(first) };
  const tree = await fetchPackages(MOSQUITTO, servers, signal);
  return { directory: join(tree, 'usr/bin'), libraries: librariesOf(tree) };
};

/** For specs of the console. A `chromium-browser` of Ubuntu may be a stub that only says how to install it. */
export const resolveChromium = async ({ servers, path, signal }: Where): Promise<ChromiumProgram> => {
  for (const name of BROWSERS) {
    const system = onPath(name, path);
    if (system === undefined) continue;
    const { code, stdout } = await runCommand(system, ['--version'], { env: process.env });
    if (code === 0 && /chrom/i.test(stdout)) return { path: system };
  }
  const tree = await fetchPackages(CHROMIUM, servers, signal);
  // It has only what the machine that fetched it did not have, and the same checkout may be seen by another, as in a container.
  if (!(await chromiumRuns(tree))) throw new Failure(`The Chromium of ${tree} does not run here.`);
  return { path: chromiumIn(tree), libraries: chromiumLibraries(tree) };
};

const chromiumIn = (tree: string): string => join(tree, 'usr/lib/chromium', HEADLESS_CHROMIUM);

/** PulseAudio's library keeps a part of itself in a directory of its own. */
const chromiumLibraries = (tree: string): string => {
  const libraries = librariesOf(tree) ?? join(tree, 'usr/lib');
  return [libraries, join(libraries, 'pulseaudio')].join(delimiter);
};

const chromiumRuns = async (tree: string): Promise<boolean> => {
  const environment = { ...process.env, LD_LIBRARY_PATH: chromiumLibraries(tree) };
  return (await runCommand(chromiumIn(tree), ['--version'], { env: environment })).code === 0;
};

/** /usr/sbin holds servers but is not on the PATH of most users. */
export const onPath = (program: string, path: string): string | undefined =>
  [...path.split(delimiter), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin']
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, program))
    .find(isExecutable);

/** The one directory that holds the Erlang machine's own programs. */
export const ertsOf = (erlang: string): string => join(only(erlang, /^erts-/), 'bin');

/** What `bin/erl` would do, without its path that is fixed at build time. */
export const erlangEnvironment = (erlang: string, libraries?: string): NodeJS.ProcessEnv => ({
  ROOTDIR: erlang,
  BINDIR: ertsOf(erlang),
  EMU: 'beam',
  PROGNAME: 'erl',
  ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }),
});

const systemRabbitmq = (path: string): RabbitmqProgram | undefined => {
  const erl = onPath('erl', path);
  const home = rabbitmqHomes(path).find((candidate) => existsSync(join(candidate, 'plugins')));
  if (erl === undefined || home === undefined) return undefined;
  const erlang = dirname(dirname(realpathSync(erl)));
  if (!existsSync(join(erlang, 'lib')) || entries(erlang, /^erts-/).length === 0) return undefined;
  return { home, erlang, version: rabbitmqVersion(home), origin: home };
};

/** Debian's program in /usr/sbin is a wrapper that insists on its own user; the real thing is below /usr/lib. */
const rabbitmqHomes = (path: string): string[] => {
  const server = onPath('rabbitmq-server', path);
  return [
    ...entries('/usr/lib/rabbitmq/lib', /^rabbitmq_server-/),
    ...(server === undefined ? [] : [dirname(dirname(realpathSync(server)))]),
  ];
};

const rabbitmqVersion = (home: string): string =>
  entries(join(home, 'plugins'), /^rabbit-\d/)
    .map((path) => /rabbit-(\d+\.\d+\.\d+)/.exec(path)?.[1])
    .find((version) => version !== undefined) ?? '0.0.0';

const cryptoLoads = async (erlang: string, libraries?: string): Promise<boolean> => {
  const environment = { ...process.env, ...erlangEnvironment(erlang, libraries) };
  const script = 'crypto:info_lib(), io:format("ok"), halt().';
  const args = ['-noinput', '-boot', 'start_clean', '-eval', script];
  const result = await runCommand(join(ertsOf(erlang), 'erlexec'), args, { env: environment });
  return result.stdout.includes('ok');
};

/** 127 is the loader's word for a missing library. */
export const runs = async (program: string, args: readonly string[], tree: string): Promise<boolean> => {
  const libraries = librariesOf(tree);
  const environment = libraries === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraries };
  const result = await runCommand(program, args, { env: environment });
  return result.code !== null && result.code !== 127;
};

const only = (directory: string, pattern: RegExp): string => {
  const found = entries(directory, pattern).sort().at(-1);
  if (found === undefined) throw new Error(`nothing like ${pattern} in ${directory}`);
  return found;
};

const entries = (directory: string, pattern: RegExp): string[] =>
  existsSync(directory)
    ? readdirSync(directory)
        .filter((name) => pattern.test(name))
        .map((name) => join(directory, name))
    : [];

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
