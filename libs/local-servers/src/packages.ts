import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from './failure.js';
import { runCommand } from './run-command.js';

/**
 * Takes packages of the user's own distribution, with its own sources, proxies
 * and signature checks, and unpacks them without root and without installing
 * anything. apt verifies what it downloads, so no checksums are kept here.
 */
export type PackageSet = {
  readonly name: 'nats' | 'rabbitmq' | 'mosquitto' | 'chromium-headless-shell' | 'prometheus';
  readonly packages: readonly string[];
  /** Also all that the packages need and this machine does not have, as apt works it out. */
  readonly withNeeded?: true;
  /** Whether the unpacked tree works; false makes OpenSSL be fetched too, once. */
  readonly works: (tree: string) => Promise<boolean>;
};

/** Where the distribution's OpenSSL 3 is called differently: Debian, and Ubuntu since 24.04. */
const OPENSSL = ['libssl3', 'libssl3t64'];

/** By the tree that is being made in this process. */
const fetching = new Map<string, Promise<string>>();

/**
 * Resolves with the directory of the unpacked tree. Rejects with a sentence of what apt answered. Asked for by two at once,
 * as when a server is started and its keys are made at the same time, it is fetched once.
 */
export const fetchPackages = (set: PackageSet, servers: string, signal?: AbortSignal): Promise<string> => {
  const tree = join(servers, set.name);
  const begun =
    fetching.get(tree) ?? fetchInto(tree, set, servers, signal).finally(() => fetching.delete(tree));
  fetching.set(tree, begun);
  return begun;
};

const fetchInto = async (
  tree: string,
  set: PackageSet,
  servers: string,
  signal: AbortSignal | undefined,
): Promise<string> => {
  if (existsSync(tree)) return tree;
  const temporary = join(servers, `.${set.name}.${process.pid}`);
  await rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(temporary, { recursive: true, mode: 0o755 });
    await downloadAndUnpack(set.packages, temporary, servers, signal, set.withNeeded === true);
    if (!(await set.works(temporary))) await addOpenssl(set, temporary, servers, signal);
    await moveInto(temporary, tree);
    return tree;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
};

/** The unpacked tree's own libraries, for LD_LIBRARY_PATH; undefined when it has none. */
export const librariesOf = (tree: string): string | undefined => {
  const usrLib = join(tree, 'usr/lib');
  if (!existsSync(usrLib)) return undefined;
  const triplet = readdirSync(usrLib).find((name) => /-linux-gnu/.test(name));
  return triplet === undefined ? undefined : join(usrLib, triplet);
};

const addOpenssl = async (
  set: PackageSet,
  tree: string,
  servers: string,
  signal?: AbortSignal,
): Promise<void> => {
  for (const name of OPENSSL) {
    try {
      await downloadAndUnpack([name], tree, servers, signal);
    } catch {
      continue; // the other name
    }
    if (await set.works(tree)) return;
  }
  throw new Failure(`The packages of ${set.name} were unpacked but do not run here.`);
};

const downloadAndUnpack = async (
  packages: readonly string[],
  tree: string,
  servers: string,
  signal?: AbortSignal,
  withNeeded = false,
): Promise<void> => {
  const debs = `${tree}.debs`;
  await rm(debs, { recursive: true, force: true });
  await mkdir(debs, { mode: 0o755 });
  try {
    await download(packages, debs, servers, signal, withNeeded);
    for (const deb of await readdir(debs)) {
      if (!deb.endsWith('.deb')) continue;
      const unpacked = await runCommand('dpkg-deb', ['-x', join(debs, deb), tree], {
        signal,
        env: process.env,
      });
      if (unpacked.code === 0) continue;
      if (/no space left/i.test(unpacked.stderr))
        throw Object.assign(new Error(unpacked.stderr), { code: 'ENOSPC', path: tree });
      throw new Failure(`dpkg-deb could not unpack ${deb}: ${lastLine(unpacked.stderr)}`);
    }
  } finally {
    await rm(debs, { recursive: true, force: true });
  }
};

/**
 * The machine's package lists may be missing (fresh images) or older than the
 * archive (404). Either shows as a failed download: then lists of our own are
 * fetched, and only the second download's outcome counts, since one failing
 * third-party source makes `update` fail while ours is fine.
 */
const download = async (
  packages: readonly string[],
  into: string,
  servers: string,
  signal: AbortSignal | undefined,
  withNeeded: boolean,
): Promise<void> => {
  const get = async (options: readonly string[]) => {
    const all = withNeeded ? await needed(packages, options, signal) : packages;
    return aptGet([...options, 'download', ...all], { cwd: into, signal });
  };
  const first = await get([]);
  if (first.code === 0) return;
  const lists = await ownLists(servers, signal);
  const second = await get(lists.options);
  if (second.code === 0) return;
  const reasons = [first.stderr, lists.stderr, second.stderr]
    .map(aptReason)
    .filter((reason) => reason !== '');
  // "Unable to locate" may only mean that the lists could not be fetched either.
  const telling = new Set(/^Unable to locate/.test(reasons[0] ?? '') ? reasons : reasons.slice(0, 1));
  throw new Failure(`apt-get could not download ${packages[0]}: ${[...telling].join('; ')}`);
};

/** The packages and what an installation of them would bring along; the packages alone where apt cannot say. */
const needed = async (
  packages: readonly string[],
  options: readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> => {
  const plan = ['install', '--simulate', '--no-install-recommends', ...packages];
  const { stdout } = await aptGet([...options, ...plan], { signal });
  return [
    ...new Set([...packages, ...Array.from(stdout.matchAll(/^Inst (\S+)/gm), ([, name]) => name ?? '')]),
  ];
};

type Lists = { readonly options: readonly string[]; readonly stderr: string };
let updating: Promise<Lists> | undefined;

/** Options that make apt use lists below .muster. Fetched once per start, however many servers ask. */
const ownLists = (servers: string, signal?: AbortSignal): Promise<Lists> => {
  updating ??= (async () => {
    const apt = join(dirname(servers), 'apt');
    const options = ['-o', `Dir::State::lists=${apt}/lists`, '-o', `Dir::Cache=${apt}/cache`];
    await mkdir(join(apt, 'lists/partial'), { recursive: true });
    await mkdir(join(apt, 'cache/archives/partial'), { recursive: true });
    const { stderr } = await aptGet([...options, 'update'], { signal });
    return { options, stderr };
  })();
  return updating;
};

const aptGet = async (args: readonly string[], options: { cwd?: string; signal?: AbortSignal }) => {
  // As root apt downloads as the user _apt, who may not enter a private directory.
  const sandbox = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
  try {
    return await runCommand('apt-get', [...sandbox, '-o', 'Acquire::Retries=2', ...args], {
      ...options,
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      timeoutMs: 300_000,
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Failure('this system has no apt-get');
    throw error;
  }
};

/** The first error; `update` tells a source that cannot be reached as a warning. */
const aptReason = (stderr: string): string =>
  (/^E: (.*)$/m.exec(stderr) ?? /^W: (Failed to fetch .*)$/m.exec(stderr))?.[1]?.trim().slice(0, 200) ?? '';

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

/** Two starts may unpack at the same time (npm start, npm test): the first one's tree stays. */
const moveInto = async (from: string, to: string): Promise<void> => {
  try {
    await rename(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
};
