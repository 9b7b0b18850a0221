import { once } from 'node:events';
import { openPlaces } from './places.js';
import { removeAll } from './remove-all.js';

/** Started by guarded.ts with the checkout's root. Only the end of its input ends it. */
const [root] = process.argv.slice(2);
if (root === undefined) throw new Error('usage: guard <root of the checkout>');
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
const places = openPlaces(root);
await removeAll(places);
process.stdout.on('error', () => undefined); // nobody may be there to read
process.stdout.write('ready\n');
process.stdin.resume();
await once(process.stdin, 'close');
await removeAll(places);
process.exit();
