import type { Places } from './places.js';
import { podman, run } from './run.js';

/** The network of all pods; its own, so that a developer's podman is left alone. */
export const NETWORK = 'muster';

/** Removes every pod, container, volume and network of this checkout. Images stay. */
export const removeAll = async (places: Places): Promise<void> => {
  const steps: (readonly [string, ...string[]])[] = [
    ['pod', 'rm', '--all', '--force', '--time', '0'],
    ['rm', '--all', '--force', '--time', '0'],
    ['volume', 'prune', '--force'],
    ['network', 'prune', '--force'],
  ];
  for (const step of steps) await podman(places, ...step).catch(tell);
  // What a build that was killed left.
  await run('buildah', ['rm', '--all'], { environment: places.environment }).catch(tell);
};

const tell = (error: unknown): void => void process.stderr.write(`${String(error)}\n`);
