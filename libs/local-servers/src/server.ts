import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, renameSync, statSync } from 'node:fs';

/** One process that the launcher starts, watches, starts again and stops. */
export type Server = {
  /** Short and permanent: key in the state file, mark in the environment, name of the log. */
  readonly name: string;
  /** For people: "PostgreSQL 18.4". */
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment, but for the marks. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly logFile: string;
  /** What it listens on, each with the variable that moves it. */
  readonly ports: readonly { readonly port: number; readonly variable: string }[];
  /** Configuration files, written before the start and part of the fingerprint. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
  /** Makes what must exist before the first start. Runs before every start, so it must be quick the second time. */
  readonly prepare?: () => Promise<void> | void;
  /** One attempt; "it answers" in its own protocol. */
  readonly ready: () => Promise<boolean>;
  readonly readyWithinMs: number;
  readonly stopSignal: NodeJS.Signals;
  readonly stopWithinMs: number;
  /** Applications are not taken over from a dead launcher: their code may be newer by now. */
  readonly adoptable: boolean;
  /** Turns the end of its log into a sentence and advice, when it knows the fault. */
  readonly explain?: (
    logTail: string,
  ) => { readonly message: string; readonly advice: readonly string[] } | undefined;
};

/**
 * Two starts with the same fingerprint would start the very same thing, so a
 * running process may be taken over. The paths are part of it: a copied
 * checkout carries the state file along.
 */
export const fingerprintOf = ({ command, args, env, cwd, files, ports }: Server): string =>
  createHash('sha256')
    .update(JSON.stringify([command, args, Object.entries(env).sort(), cwd, files, ports]))
    .digest('hex');

/** A short list of what a server may see of the user's environment: the rest (PG*, RABBITMQ_*, ERL_*) would change it. */
export const plainEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  LANG: 'C.UTF-8',
});

const ROTATE_ABOVE_BYTES = 10_000_000;

/** A descriptor to append to. A log that has grown large is moved to `.old` first, so at most two stay. */
export const openLog = (path: string): number => {
  try {
    if (statSync(path).size > ROTATE_ABOVE_BYTES) renameSync(path, `${path}.old`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return openSync(path, 'a', 0o600);
};

/** The last bytes of a log from a position on: what this start has written. */
export const logTail = (path: string, from: number, bytes = 4_000): string => {
  try {
    const size = statSync(path).size;
    const start = Math.max(from <= size ? from : 0, size - bytes);
    const buffer = Buffer.alloc(size - start);
    const descriptor = openSync(path, 'r');
    try {
      readSync(descriptor, buffer, 0, buffer.length, start);
    } finally {
      closeSync(descriptor);
    }
    return buffer.toString('utf8');
  } catch {
    return '';
  }
};
