import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Keeps what a table was made of, for whoever wants to compare runs; returns the file. */
export const keepRaw = (bench: string, results: object): string => {
  const directory = resolve('.muster/bench');
  mkdirSync(directory, { recursive: true });
  const file = join(directory, `${bench}-${new Date().toISOString().replaceAll(':', '-')}.json`);
  writeFileSync(file, JSON.stringify(results, null, 2));
  return file;
};
