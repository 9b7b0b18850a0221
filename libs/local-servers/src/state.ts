import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './failure.js';
import { type Identity, identityOf, isAlive } from './process-identity.js';
import { GIVEN_BY, type Given, type Ports, type Settings } from './settings.js';

/** What was started, for the next launcher, should this one be killed. */
export type Known = { readonly identity: Identity; /** See `fingerprintOf`. */ readonly fingerprint: string };

export type StateFile = {
  readonly of: (server: string) => Known | undefined;
  readonly all: () => ReadonlyMap<string, Known>;
  readonly record: (server: string, known: Known) => void;
  readonly forget: (server: string) => void;
};

export const openState = (home: string): StateFile => {
  const path = join(home, 'state.json');
  const known = new Map(Object.entries(readState(path)));
  const save = () => writeWhole(path, JSON.stringify(Object.fromEntries(known), null, 2));
  return {
    of: (server) => known.get(server),
    all: () => known,
    record: (server, entry) => {
      known.set(server, entry);
      save();
    },
    forget: (server) => {
      if (known.delete(server)) save();
    },
  };
};

/** The launcher that has a directory. What else runs in the checkout finds by this where the servers and services are. */
export type Holder = Identity & {
  readonly ports: Ports;
  /** What was given to it by URL. Not the URLs: they may hold passwords. */
  readonly given: readonly (keyof Given)[];
};

/** Takes the directory for this process until it ends. Throws a Failure when a living launcher has it. */
export const lock = ({ home, ports, given }: Pick<Settings, 'home' | 'ports' | 'given'>): (() => void) => {
  const path = join(home, 'launcher.lock');
  const identity = identityOf(process.pid);
  const mine = identity && { ...identity, ports, given: namesOf(given) };
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify(mine), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      // link() fails when the name exists: of two starts in the same instant only one wins.
      if (linked(temporary, path)) return () => unlockMine(path, mine);
      const holder = readHolder(path);
      if (holder !== null && isAlive(holder)) throw alreadyRunning(holder);
      setAside(path, holder);
    }
    throw new Failure(`${path} cannot be taken.`, ['Remove that file if no muster runs here.']);
  } finally {
    rmSync(temporary, { force: true });
  }
};

/** The living launcher of a directory; null when there is none. */
export const lockHolder = (home: string): Holder | null => {
  const holder = readHolder(join(home, 'launcher.lock'));
  return holder !== null && isAlive(holder) ? holder : null;
};

const namesOf = (given: Given): (keyof Given)[] =>
  (['database', 'nats', 'amqp', 'mqtt'] as const).filter((name) => given[name] !== undefined);

/**
 * The settings of the launcher that runs here, for a command that works with what it started; null when none runs. Throws a
 * Failure when that one was given a server by URL and this command was not: it would look in the wrong place.
 */
export const settingsOfRunning = (settings: Settings, needed: readonly (keyof Given)[]): Settings | null => {
  const holder = lockHolder(settings.home);
  if (holder === null) return null;
  for (const name of needed) {
    if (!holder.given.includes(name) || settings.given[name] !== undefined) continue;
    const variable = GIVEN_BY[name];
    throw new Failure(`muster runs here (pid ${holder.pid}) with ${variable}; this command needs the same.`, [
      `${variable}=… in front of the same command`,
    ]);
  }
  return { ...settings, ports: holder.ports };
};

const alreadyRunning = (holder: Identity): Failure =>
  new Failure(`muster already runs here: pid ${holder.pid}.`, [
    `Stop that one first (Ctrl-C in its terminal, or: kill ${holder.pid}).`,
  ]);

const linked = (from: string, to: string): boolean => {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
};

/**
 * Removes a dead launcher's lock. Renaming first and looking again: between our
 * read and now another start may have put its own, living lock there, and that
 * one goes back to its place.
 */
const setAside = (path: string, seen: Holder | null): void => {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (JSON.stringify(readHolder(aside)) !== JSON.stringify(seen)) linked(aside, path);
  unlinkSync(aside);
};

const unlockMine = (path: string, mine: Holder | null): void => {
  if (JSON.stringify(readHolder(path)) === JSON.stringify(mine)) rmSync(path, { force: true });
};

const readHolder = (path: string): Holder | null => parse<Holder | null>(path, null);
const readState = (path: string): Record<string, Known> => parse<Record<string, Known>>(path, {});

/** A file that is missing or broken says nothing; what runs is then found by its mark. */
const parse = <T>(path: string, otherwise: T): T => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T; // written by us alone, mode 0600
  } catch {
    return otherwise;
  }
};

/** Write and rename: a reader sees the old or the new file, never half of one. */
export const writeWhole = (path: string, content: string, mode = 0o600): void => {
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, path);
};

export const privateDirectory = (path: string, mode = 0o700): void => {
  mkdirSync(path, { recursive: true, mode });
};
