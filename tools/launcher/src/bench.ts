import { runBesideRunning } from './beside-running.js';

/** `npm run bench -- <name>`: measures what runs here. Some count in its database, one starts a service beside it. */
export const bench = (root: string, names: readonly string[]): Promise<number> =>
  runBesideRunning(root, 'bench', names, ['database', 'nats']);
