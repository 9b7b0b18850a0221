import { readFileSync } from 'node:fs';
import { pidOf } from './parts.js';
import { childrenOf } from './processor-time.js';

/** Bytes that a part holds in memory, its children included; what several share is counted once (PSS). */
export const memoryBytes = (part: string, directory?: string): number => {
  const pid = pidOf(part, directory);
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + shareOf(one), 0) * 1_024;
};

const shareOf = (pid: number): number => {
  try {
    return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // it has ended
  }
};
