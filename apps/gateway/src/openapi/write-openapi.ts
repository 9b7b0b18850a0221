import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT_TYPES, OPENAPI, sourceLine } from './generated-files.js';
import { generatedOpenApi } from './generated-openapi.js';

/**
 * `node apps/gateway/dist/src/openapi/write-openapi.js`: writes `docs/openapi.json`, and from it the types of
 * `libs/api-client`.
 */
const generator = join(import.meta.dirname, '../../../../../node_modules/.bin/openapi-typescript');
const text = `${JSON.stringify(await generatedOpenApi(), null, 2)}\n`;
writeFileSync(OPENAPI, text);
execFileSync(generator, [OPENAPI, '--output', CLIENT_TYPES], { stdio: 'ignore' });
writeFileSync(CLIENT_TYPES, `${sourceLine(text)}\n${readFileSync(CLIENT_TYPES, 'utf8')}`);
