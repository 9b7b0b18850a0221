import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './failure.js';
import { type Identity, identityOf, isAlive } from './process-identity.js';

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

/** Takes the directory for this process until it ends. Throws a Failure when a living launcher has it. */
export const lock = (home: string): (() => void) => {
  const path = join(home, 'launcher.lock');
  const mine = identityOf(process.pid);
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
export const lockHolder = (home: string): Identity | null => {
  const holder = readHolder(join(home, 'launcher.lock'));
  return holder !== null && isAlive(holder) ? holder : null;
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
const setAside = (path: string, seen: Identity | null): void => {
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

const unlockMine = (path: string, mine: Identity | null): void => {
  if (JSON.stringify(readHolder(path)) === JSON.stringify(mine)) rmSync(path, { force: true });
};

const readHolder = (path: string): Identity | null => parse<Identity | null>(path, null);
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
