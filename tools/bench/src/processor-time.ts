import { readFileSync } from 'node:fs';
import { pidOf } from './parts.js';

/** Linux counts processor time in these. */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time of a part so far, its children included: PostgreSQL has one for each connection. */
export const processorSeconds = (part: string, directory?: string): number => {
  const pid = pidOf(part, directory);
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + ticksOf(one), 0) / TICKS_PER_SECOND;
};

const ticksOf = (pid: number): number => {
  try {
    // The name, in brackets, may hold spaces; user and system time are the 12th and 13th field after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0; // it has ended
  }
};

export const childrenOf = (pid: number): number[] => {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return text === '' ? [] : text.split(' ').map(Number);
  } catch {
    return [];
  }
};
