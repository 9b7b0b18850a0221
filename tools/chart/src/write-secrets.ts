import { secretsOf } from './secrets.js';

/**
 * `node tools/chart/dist/src/write-secrets.js <directory> | kubectl apply -f -`: the Secrets of an installation. Keep the directory safe,
 * and out of the cluster: it holds `trust.json`, and it is what the same Secrets can be made from again.
 */
const [directory] = process.argv.slice(2);
if (directory === undefined) {
  process.stderr.write('usage: write-secrets <directory>\n');
  process.exit(64);
}
process.stdout.write(await secretsOf(directory));
