import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedOpenApi } from './generated-openapi.js';

/** `node apps/gateway/dist/src/openapi/write-openapi.js`: writes `docs/openapi.json`. */
const file = join(import.meta.dirname, '../../../../../docs/openapi.json');
writeFileSync(file, `${JSON.stringify(await generatedOpenApi(), null, 2)}\n`);
