import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contractSchemas } from './contract-schemas.js';

/** `node libs/contracts/dist/src/write-schemas.js`: writes `docs/contracts/` anew. */
const folder = join(import.meta.dirname, '../../../../docs/contracts');
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) if (name.endsWith('.json')) rmSync(join(folder, name));
for (const [name, schema] of contractSchemas()) {
  writeFileSync(join(folder, name), `${JSON.stringify(schema, null, 2)}\n`);
}
