import { runBesideRunning } from './beside-running.js';

/** `npm run pictures`: takes the pictures of the documents anew, of the demo that runs here. */
export const pictures = (root: string, args: readonly string[]): Promise<number> =>
  runBesideRunning(root, 'pictures', args);
