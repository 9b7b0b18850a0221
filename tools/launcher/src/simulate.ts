import { runBesideRunning } from './beside-running.js';

/** `npm run simulate -- <options>`: a fleet of devices for what runs here. */
export const simulate = (root: string, options: readonly string[]): Promise<number> =>
  runBesideRunning(root, 'simulator', options);
