import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from './failure.js';
import { isFree } from './free-port.js';
import { describeHolder, portHolder } from './port-holder.js';
import {
  gone,
  type Identity,
  identityOf,
  isAlive,
  MARK_INSTANCE,
  MARK_SERVER,
  signal,
  terminate,
} from './process-identity.js';
import { fingerprintOf, logTail, openLog, type Server } from './server.js';
import { type StateFile, writeWhole } from './state.js';

export type Supervised = {
  readonly server: Server;
  /** Takes over the running one or starts it; resolves when it answers. From then on it is kept up. */
  readonly start: () => Promise<'adopted' | 'started'>;
  /**
   * Stops it for good, in whatever state it is, by its own signal or the one given. Safe to call twice, and while `start` is
   * under way.
   */
  readonly stop: (by?: NodeJS.Signals) => Promise<void>;
  /** SIGKILL, for the impatient. */
  readonly kill: () => void;
};

export type Surroundings = {
  /** Absolute path that marks the processes of this instance. */
  readonly instance: string;
  readonly state: StateFile;
  readonly say: (line: string) => void;
};

type Process = {
  readonly identity: Identity;
  /** Resolves with how it ended: "exit code 1", "killed by SIGKILL". */
  readonly ended: Promise<string>;
  /** Where in the log this process began. */
  readonly logFrom: number;
};

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const STABLE_AFTER_MS = 30_000;

export const supervise = (server: Server, { instance, state, say }: Surroundings): Supervised => {
  const fingerprint = fingerprintOf(server);
  let current: Process | undefined;
  let stopping = false;
  let keeping: Promise<void> = Promise.resolve();
  const giveUpPauses = new AbortController();

  const start = async (): Promise<'adopted' | 'started'> => {
    const adopted = await adopt(server, fingerprint, state);
    current = adopted;
    keeping = keepUp(adopted ?? (await startAnew()));
    return adopted === undefined ? 'started' : 'adopted';
  };

  const startAnew = async (): Promise<Process> => {
    for (const { port, variable } of server.ports) await requireFree(server, port, variable);
    await server.prepare?.();
    for (const { path, content } of server.files) writeWhole(path, content);
    if (stopping) throw stopped(server);
    const launched = launch(server, instance);
    current = launched;
    // At once: a launcher killed before this line leaves a process that only its mark tells of.
    state.record(server.name, { identity: launched.identity, fingerprint });
    await untilReady(server, launched, () => stopping);
    return launched;
  };

  /** Ends only when it is to be stopped: a server that dies is started again, however often. */
  const keepUp = async (running: Process): Promise<void> => {
    let pause = FIRST_PAUSE_MS;
    let since = Date.now();
    let what = `ended (${await running.ended})`;
    while (!stopping) {
      if (Date.now() - since > STABLE_AFTER_MS) pause = FIRST_PAUSE_MS;
      say(`${server.title} ${what}; starting it again in ${pause / 1_000} s`);
      await delay(pause, undefined, { signal: giveUpPauses.signal }).catch(() => undefined);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      if (giveUpPauses.signal.aborted) return;
      since = Date.now();
      try {
        const again = await startAnew();
        say(`${server.title} is back after ${((Date.now() - since) / 1_000).toFixed(1)} s`);
        since = Date.now();
        what = `ended (${await again.ended})`;
      } catch (error) {
        what = `did not come back: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
  };

  const stop = async (by = server.stopSignal): Promise<void> => {
    stopping = true;
    giveUpPauses.abort();
    // What an earlier launcher left and this one never came to adopt is ours to stop, too.
    const known = current?.identity ?? state.of(server.name)?.identity;
    if (known !== undefined) await terminate(known, by, server.stopWithinMs);
    await keeping;
    // A start that was under way may have launched it after the look above.
    if (current !== undefined) await terminate(current.identity, by, server.stopWithinMs);
    state.forget(server.name);
  };

  const kill = (): void => {
    const known = current?.identity ?? state.of(server.name)?.identity;
    if (known !== undefined) signal(known, 'SIGKILL');
  };

  return { server, start, stop, kill };
};

/** Takes over what an earlier launcher left, when it is the same process, would be started the same way, and answers. */
const adopt = async (server: Server, fingerprint: string, state: StateFile): Promise<Process | undefined> => {
  const known = state.of(server.name);
  if (known === undefined) return undefined;
  if (!isAlive(known.identity)) {
    state.forget(server.name);
    return undefined;
  }
  if (server.adoptable && known.fingerprint === fingerprint && (await server.ready())) {
    return { identity: known.identity, ended: endOfAdopted(known.identity), logFrom: 0 };
  }
  await terminate(known.identity, server.stopSignal, server.stopWithinMs);
  state.forget(server.name);
  return undefined;
};

/** There is no exit event for another process's child. */
const endOfAdopted = async (identity: Identity): Promise<string> => {
  while (!(await gone(identity, 0))) await delay(250, undefined, { ref: false });
  return 'gone';
};

const requireFree = async (server: Server, port: number, variable: string): Promise<void> => {
  // What just ended may hold its port for a moment: a killed PostgreSQL's workers notice it and go.
  for (const pause of [0, 50, 150, 300, 500]) {
    await delay(pause);
    if (await isFree(port)) return;
  }
  throw portTaken(server.title, port, variable);
};

export const portTaken = (title: string, port: number, variable: string): Failure =>
  new Failure(`${title}: port ${port} is taken by ${describeHolder(portHolder(port), port)}.`, [
    `Stop that one, or choose another port: ${variable}=<number> npm start`,
  ]);

/**
 * stdio goes to a file, because pipes would die with the launcher and take the
 * server along. `detached` gives it a session of its own: else the terminal's
 * Ctrl-C would reach it at the same time as the launcher, and the order of
 * stopping would be lost.
 */
const launch = (server: Server, instance: string): Process => {
  mkdirSync(dirname(server.logFile), { recursive: true, mode: 0o700 });
  const log = openLog(server.logFile);
  const logFrom = fstatSync(log).size;
  let child: ChildProcess;
  try {
    child = spawn(server.command, server.args, {
      cwd: server.cwd,
      env: { ...server.env, [MARK_INSTANCE]: instance, [MARK_SERVER]: server.name },
      uid: server.uid,
      gid: server.gid,
      stdio: ['ignore', log, log],
      detached: true,
    });
  } finally {
    closeSync(log);
  }
  const ended = endOfChild(child);
  const identity = child.pid === undefined ? null : identityOf(child.pid);
  if (identity === null) return { identity: { pid: -1, startedAt: '', bootId: '' }, ended, logFrom };
  child.unref();
  return { identity, ended, logFrom };
};

const endOfChild = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, by) => resolve(by === null ? `exit code ${code}` : `killed by ${by}`));
  });

const untilReady = async (server: Server, running: Process, isStopping: () => boolean): Promise<void> => {
  const deadline = Date.now() + server.readyWithinMs;
  let ending: string | undefined;
  void running.ended.then((how) => (ending = how));
  for (;;) {
    if (await server.ready()) break;
    if (isStopping()) throw stopped(server);
    if (ending !== undefined) throw didNotStart(server, running, `it ended (${ending})`);
    if (Date.now() > deadline) {
      const seconds = server.readyWithinMs / 1_000;
      await terminate(running.identity, server.stopSignal, server.stopWithinMs);
      throw didNotStart(server, running, `it does not answer after ${seconds} s`);
    }
    await delay(50);
  }
};

const didNotStart = (server: Server, { logFrom }: Process, what: string): Failure => {
  const tail = logTail(server.logFile, logFrom);
  if (/No space left on device|enospc/i.test(tail)) {
    return new Failure(`${server.title} did not start: the disk is full.`, [
      'Free some space and run the same command again.',
    ]);
  }
  const known = server.explain?.(tail);
  if (known !== undefined)
    return new Failure(`${server.title} did not start: ${known.message}`, known.advice);
  const end = tail.trim().slice(-600);
  return new Failure(`${server.title} did not start: ${what}.`, [
    ...(end === '' ? [] : ['The end of its log:', ...end.split('\n').map((line) => `  ${line}`)]),
    `Its log: ${server.logFile}`,
  ]);
};

const stopped = (server: Server): Failure => new Failure(`${server.title}: stopped while it started.`);
