import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * A pid alone says nothing: pids are reused, on small machines within hours.
 * A process is the same one only when pid, start time and boot agree; `exec`
 * keeps all three. Nothing is ever signalled by pid alone.
 */
export type Identity = {
  readonly pid: number;
  /** Linux: clock ticks since boot. Elsewhere: what ps prints. Only compared. */
  readonly startedAt: string;
  readonly bootId: string;
};

export const MARK_INSTANCE = 'MUSTER_INSTANCE';
export const MARK_SERVER = 'MUSTER_SERVER';

/** null when no such process lives; a zombie does not live. */
export const identityOf = (pid: number): Identity | null =>
  process.platform === 'linux' ? identityFromProc(pid) : identityFromPs(pid);

export const isAlive = (identity: Identity): boolean => {
  const now = identityOf(identity.pid);
  return now !== null && now.startedAt === identity.startedAt && now.bootId === identity.bootId;
};

/** Sends nothing when the process is gone or its pid has passed to another one. */
export const signal = (identity: Identity, name: NodeJS.Signals): void => {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, name);
  } catch (error) {
    // ESRCH: it ended between the look and the signal.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

/** Asks by the given signal, insists by SIGKILL after `withinMs`. Resolves when the process is gone. */
export const terminate = async (
  identity: Identity,
  name: NodeJS.Signals,
  withinMs: number,
): Promise<void> => {
  signal(identity, name);
  if (await gone(identity, withinMs)) return;
  signal(identity, 'SIGKILL');
  await gone(identity, 10_000);
};

/** True when it ended within the time. */
export const gone = async (identity: Identity, withinMs: number): Promise<boolean> => {
  const deadline = Date.now() + withinMs;
  while (isAlive(identity)) {
    if (Date.now() >= deadline) return false;
    await delay(20);
  }
  return true;
};

export type MarkedProcess = { readonly identity: Identity; readonly server: string };

/**
 * Processes that carry the mark of this instance in their environment and have
 * no marked parent: what an earlier launcher started and did not come to write
 * down, or whose state file was lost. Linux only; elsewhere nothing is found.
 */
export const markedProcesses = (instance: string): readonly MarkedProcess[] => {
  if (process.platform !== 'linux') return [];
  const marked = new Map<number, { server: string; parent: number }>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    const server = markOf(pid, instance);
    if (server !== undefined) marked.set(pid, { server, parent: parentOf(pid) });
  }
  return [...marked].flatMap(([pid, { server, parent }]) => {
    const identity = identityOf(pid);
    return identity === null || marked.has(parent) ? [] : [{ identity, server }];
  });
};

const markOf = (pid: number, instance: string): string | undefined => {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    if (!environment.includes(`${MARK_INSTANCE}=${instance}`)) return undefined;
    const server = environment.find((line) => line.startsWith(`${MARK_SERVER}=`));
    return server?.slice(MARK_SERVER.length + 1) ?? 'unknown';
  } catch {
    return undefined; // gone meanwhile, or another user's
  }
};

const parentOf = (pid: number): number => Number(statFields(pid)?.[1] ?? 0);

const identityFromProc = (pid: number): Identity | null => {
  const fields = statFields(pid);
  const [state, startedAt] = [fields?.[0], fields?.[19]];
  if (startedAt === undefined || state === 'Z' || state === 'X') return null;
  return { pid, startedAt, bootId: bootId() };
};

/** Fields of /proc/<pid>/stat from the third on: the second, the name, may itself hold spaces and brackets. */
const statFields = (pid: number): string[] | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
};

let knownBootId: string | undefined;
const bootId = (): string => (knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());

/** macOS has no /proc; the start time names the boot too. */
const identityFromPs = (pid: number): Identity | null => {
  const ps = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const line = ps.status === 0 ? ps.stdout.trim() : '';
  if (line === '' || line.startsWith('Z')) return null;
  return { pid, startedAt: line.replace(/^\S+\s+/, ''), bootId: '' };
};
