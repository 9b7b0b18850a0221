import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { generatedOpenApi } from './generated-openapi.js';

const committed: unknown = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../../../docs/openapi.json'), 'utf8'),
);

describe('docs/openapi.json', () => {
  let generated: Awaited<ReturnType<typeof generatedOpenApi>>;
  beforeAll(async () => {
    generated = await generatedOpenApi();
  });

  it('is up to date: run `node apps/gateway/dist/src/openapi/write-openapi.js`', () => {
    expect(JSON.parse(JSON.stringify(generated))).toEqual(committed);
  });

  it('refers only to schemas it has', () => {
    const refs = JSON.stringify(generated).match(/#\/components\/schemas\/\w+/g) ?? [];
    const known = Object.keys(generated.components?.schemas ?? {}).map(
      (name) => `#/components/schemas/${name}`,
    );
    expect(refs.filter((ref) => !known.includes(ref))).toEqual([]);
  });

  it('says of each operation what it answers and which errors it knows', () => {
    const device = generated.paths['/api/v1/devices']?.post;
    expect(Object.keys(device?.responses ?? {})).toEqual(
      expect.arrayContaining(['201', '400', '401', '404', '409', '413', '415', '422', '503', '504']),
    );
    expect(generated.components?.schemas?.['DeviceInput']).toMatchObject({
      required: ['deviceType', 'name'],
    });
  });
});
