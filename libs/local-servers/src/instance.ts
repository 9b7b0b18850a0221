import { chmodSync, existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './failure.js';
import { isFree } from './free-port.js';
import { portHolder } from './port-holder.js';
import { type Identity, isAlive, markedProcesses, terminate } from './process-identity.js';
import { isEnterable } from './postgres.js';
import { readSecrets, type Secrets } from './secrets.js';
import type { Server } from './server.js';
import type { Settings } from './settings.js';
import { lock, openState, privateDirectory } from './state.js';
import { type Supervised, supervise } from './supervise.js';
import { portTaken } from './supervise.js';

/**
 * One directory with its servers and applications: at most one launcher has it
 * at a time, and what that one starts, it stops.
 */
export type Instance = {
  readonly settings: Settings;
  readonly secrets: Secrets;
  /** Fires when everything is to stop: ends downloads and other short commands. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Makes a server known, so that `stop` stops it. Before its `start`. */
  readonly add: (server: Server) => Supervised;
  /** Names every wanted port that somebody else holds, all in one message. */
  readonly requirePorts: (wanted: readonly WantedPort[]) => Promise<void>;
  /** Stops what an earlier launcher left and this one has no use for, a server that is now given by URL for example. */
  readonly stopUnused: () => Promise<void>;
  /** Applications first, then the servers, then epmd; resolves when all are gone. Safe to call twice. */
  readonly stop: () => Promise<void>;
  /** SIGKILL to all that is left. */
  readonly killAll: () => void;
};

export type WantedPort = { readonly title: string; readonly port: number; readonly variable: string };

const SERVERS = ['postgres', 'nats', 'rabbitmq', 'epmd'];
/** `nats-2` is one, too: of a cluster. */
const isServer = (name: string): boolean => SERVERS.includes(name.replace(/-\d+$/, ''));
const LEAST_FREE_BYTES = 200_000_000;

export const openInstance = async (settings: Settings, say: (line: string) => void): Promise<Instance> => {
  const { home } = settings;
  makeHome(settings);
  const unlock = lock(settings);
  try {
    requireDiskSpace(home);
    return await openLocked(settings, say, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
};

const openLocked = async (
  settings: Settings,
  say: (line: string) => void,
  unlock: () => void,
): Promise<Instance> => {
  const { home } = settings;
  const secrets = readSecrets(home);
  const state = openState(home);
  const abort = new AbortController();
  const all: Supervised[] = [];
  await stopLeftovers(home, state.all(), state.forget, say);
  // Keeps this process alive until `stop`: its children alone do not, because they must be able to outlive it.
  const alive = setInterval(() => undefined, 60_000);

  const add = (server: Server): Supervised => {
    const supervised = supervise(server, { instance: home, state, say });
    all.push(supervised);
    return supervised;
  };

  const requirePorts = async (wanted: readonly WantedPort[]): Promise<void> => {
    const ours = new Set([...state.all().values()].map(({ identity }) => identity.pid));
    const taken: Failure[] = [];
    for (const { title, port, variable } of wanted) {
      if (await isFree(port)) continue;
      const { pid } = portHolder(port);
      if (pid === undefined || !ours.has(pid)) taken.push(portTaken(title, port, variable));
    }
    const [first] = taken;
    if (first === undefined) return;
    throw new Failure(taken.map(({ message }) => message).join('\n'), [
      ...new Set(taken.flatMap(({ advice }) => advice)),
    ]);
  };

  const stopUnused = async (): Promise<void> => {
    const used = new Set(all.map(({ server }) => server.name));
    const unused = [...state.all()].filter(([name]) => !used.has(name));
    await Promise.all(
      unused.map(async ([name, { identity }]) => {
        await terminate(identity, stopSignalOf(name), 20_000);
        state.forget(name);
      }),
    );
  };

  const stopThose = (wanted: (name: string) => boolean) =>
    Promise.all(all.filter(({ server }) => wanted(server.name)).map((supervised) => supervised.stop()));

  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      abort.abort();
      await stopThose((name) => !isServer(name));
      await stopThose((name) => isServer(name) && name !== 'epmd');
      await stopThose((name) => name === 'epmd');
      await stopLeftovers(home, new Map(), state.forget, () => undefined);
      unlock();
      clearInterval(alive);
    })());

  return {
    settings,
    secrets,
    signal: abort.signal,
    say,
    add,
    requirePorts,
    stopUnused,
    stop,
    killAll: () => {
      for (const supervised of all) supervised.kill();
      for (const { identity } of markedProcesses(home)) process.kill(identity.pid, 'SIGKILL');
    },
  };
};

/**
 * What an earlier launcher left behind: applications (they are always started
 * anew) and processes that carry our mark but are not in the state file.
 */
export const stopLeftovers = async (
  home: string,
  known: ReadonlyMap<string, { readonly identity: Identity }>,
  forget: (name: string) => void,
  say: (line: string) => void,
): Promise<void> => {
  const applications = [...known].filter(([name]) => !isServer(name));
  const kept = new Set([...known].filter(([name]) => isServer(name)).map(([, { identity }]) => identity.pid));
  await Promise.all(
    applications.map(async ([name, { identity }]) => {
      if (isAlive(identity)) say(`stopping ${name} (pid ${identity.pid}) of an earlier start`);
      await terminate(identity, 'SIGTERM', 20_000);
      forget(name);
    }),
  );
  // More than once: when a parent ends, its children come to light.
  for (let round = 0; round < 5; round += 1) {
    const orphans = markedProcesses(home).filter(({ identity }) => !kept.has(identity.pid));
    if (orphans.length === 0) return;
    await Promise.all(
      orphans.map(({ identity, server }) => {
        say(`stopping ${server} (pid ${identity.pid}), left by an earlier start`);
        return terminate(identity, stopSignalOf(server), 15_000);
      }),
    );
  }
};

const stopSignalOf = (name: string): NodeJS.Signals => (name === 'postgres' ? 'SIGINT' : 'SIGTERM');

/**
 * 0700: it holds secrets. Only as root, in a checkout that all may enter, 0711:
 * PostgreSQL then runs as another user and must pass through to its data;
 * nothing can be listed, and every file with a secret is 0600.
 */
const makeHome = ({ root, home }: Settings): void => {
  const mode = process.getuid?.() === 0 && isEnterable(root) ? 0o711 : 0o700;
  for (const path of new Set([join(root, '.muster'), join(root, '.muster', 'test'), home])) {
    if (path.endsWith('test') && !home.startsWith(path)) continue;
    privateDirectory(path, mode);
    chmodSync(path, mode);
  }
  privateDirectory(join(home, 'log'));
  if (!existsSync(join(home, 'data'))) privateDirectory(join(home, 'data'), mode);
};

const requireDiskSpace = (home: string): void => {
  const { bavail, bsize } = statfsSync(home);
  const free = bavail * bsize;
  if (free >= LEAST_FREE_BYTES) return;
  throw new Failure(
    `The disk of ${home} has only ${Math.floor(free / 1_000_000)} MB free; muster needs 200 MB to start.`,
    ['Free some space, then run the same command again.'],
  );
};
