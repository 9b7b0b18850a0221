import { forgetNames } from './forget-names.js';
import type { Places } from './places.js';
import { podman, run } from './run.js';

/** Removes every pod, container, volume, network and name of this checkout. Images stay. */
export const removeAll = async (places: Places): Promise<void> => {
  const steps: (readonly [string, ...string[]])[] = [
    ['pod', 'rm', '--all', '--force', '--time', '0'],
    ['rm', '--all', '--force', '--time', '0'],
    ['volume', 'prune', '--force'],
    ['network', 'prune', '--force'],
  ];
  for (const step of steps) await podman(places, ...step).catch(tell);
  forgetNames(places.network);
  // What a build that was killed left.
  await run('buildah', ['rm', '--all'], { environment: places.environment }).catch(tell);
};

const tell = (error: unknown): void => void process.stderr.write(`${String(error)}\n`);
