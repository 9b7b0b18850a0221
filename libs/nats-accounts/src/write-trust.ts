import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AccountsUnavailable } from './accounts-link.js';
import { revokeServices } from './revoke-services.js';
import { trustLines } from './server-config.js';
import { openTrust, renewServices } from './trust.js';

/**
 * `node libs/nats-accounts/dist/src/write-trust.js <directory> [directory of accounts, as the server sees it]`: makes the
 * keys when there are none, and `trust.conf` for nats-server to include. Safe to run again. With `--renew-services` the
 * services get new credentials; with `--revoke-services <url of NATS>` all but the newest are let in no more.
 */
const { values, positionals } = parseArgs({
  options: { 'renew-services': { type: 'boolean' }, 'revoke-services': { type: 'string' } },
  allowPositionals: true,
});
const [directory, accountsDirectory = '/data/accounts'] = positionals;
if (directory === undefined) {
  process.stderr.write(
    'usage: write-trust <directory> [directory of accounts, as the server sees it] [--renew-services | --revoke-services <url of NATS>]\n',
  );
  process.exit(64);
}
if (values['renew-services'] === true) await renewServices(directory);
const url = values['revoke-services'];
if (url !== undefined) {
  await revokeServices(directory, url).catch((error: unknown) => {
    if (!(error instanceof AccountsUnavailable)) throw error;
    const why = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    process.stderr.write(`write-trust: ${error.message}${why}. It is kept in ${directory}; say it again.\n`);
    process.exitCode = 69;
  });
}
const { server } = await openTrust(directory);
writeFileSync(join(directory, 'trust.conf'), `${trustLines(server, accountsDirectory).join('\n')}\n`, {
  mode: 0o600,
});
