import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { trustLines } from './server-config.js';
import { openTrust } from './trust.js';

/**
 * `node libs/nats-accounts/dist/src/write-trust.js <directory> [directory of accounts, as the server sees it]`: makes the
 * keys when there are none, and `trust.conf` for nats-server to include. Safe to run again.
 */
const [directory, accountsDirectory = '/data/accounts'] = process.argv.slice(2);
if (directory === undefined) {
  process.stderr.write('usage: write-trust <directory> [directory of accounts, as the server sees it]\n');
  process.exit(64);
}
const { server } = await openTrust(directory);
writeFileSync(join(directory, 'trust.conf'), `${trustLines(server, accountsDirectory).join('\n')}\n`, {
  mode: 0o600,
});
