import { readFileSync } from 'node:fs';
import { pidOf } from './parts.js';

/** Linux counts processor time in these. */
const TICKS_PER_SECOND = 100;

/** Seconds of processor time of a part so far, its children included: PostgreSQL has one for each connection. */
export const processorSeconds = (part: string, directory?: string): number => {
  const pid = pidOf(part, directory);
  const ofChildren = childrenOf(pid).reduce((sum, one) => sum + ticksOf(one, OWN), 0);
  return (ticksOf(pid, WITH_ENDED_CHILDREN) + ofChildren) / TICKS_PER_SECOND;
};

/** Of the fields behind the name: user and system time; and those of children that have ended. */
const OWN = [11, 12];
const WITH_ENDED_CHILDREN = [11, 12, 13, 14];

const ticksOf = (pid: number, which: readonly number[]): number => {
  try {
    // The name, in brackets, may hold spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return which.reduce((sum, field) => sum + Number(fields[field]), 0);
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
