import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { breakingChanges } from './breaking-changes.js';
import { contractSchemas } from './contract-schemas.js';
import { eventsAsyncApi } from './events-asyncapi.js';
import type { JsonSchema } from './json-schema.js';

/**
 * `node libs/contracts/dist/src/schema/write-schemas.js`: writes `docs/contracts/` and `docs/asyncapi-events.json` anew. Refuses
 * what breaks readers of a published event: that is a new version of it. `--breaking` for one that was never released.
 */
const docs = join(import.meta.dirname, '../../../../../docs');
const folder = join(docs, 'contracts');
const schemas = contractSchemas();
mkdirSync(folder, { recursive: true });

const broken = [...schemas].flatMap(([name, schema]) => {
  const path = join(folder, name);
  if (!name.startsWith('event.') || !existsSync(path)) return [];
  const committed = JSON.parse(readFileSync(path, 'utf8')) as JsonSchema; // written here
  const current = JSON.parse(JSON.stringify(schema)) as JsonSchema; // the same
  return breakingChanges(committed, current).map((change) => `${name}: ${change}`);
});
if (broken.length > 0 && !process.argv.includes('--breaking')) {
  process.stderr.write(
    `${broken.join('\n')}\nThis breaks readers of published events: declare a new version, and publish both for a while.\n`,
  );
  process.exit(1);
}
for (const name of readdirSync(folder)) if (name.endsWith('.json')) rmSync(join(folder, name));
for (const [name, schema] of schemas) {
  writeFileSync(join(folder, name), `${JSON.stringify(schema, null, 2)}\n`);
}
writeFileSync(join(docs, 'asyncapi-events.json'), `${JSON.stringify(eventsAsyncApi(), null, 2)}\n`);
