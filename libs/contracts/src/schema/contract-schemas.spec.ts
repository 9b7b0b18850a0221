import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { breakingChanges } from './breaking-changes.js';
import { contractSchemas } from './contract-schemas.js';
import type { JsonSchema } from './json-schema.js';

const folder = join(import.meta.dirname, '../../../../../docs/contracts');

describe('docs/contracts', () => {
  const schemas = contractSchemas();

  it('holds one schema for each contract, and nothing else', () => {
    expect(
      readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .sort(),
    ).toEqual([...schemas.keys()].sort());
  });

  it.each([...schemas])(
    '%s is up to date: run `node libs/contracts/dist/src/schema/write-schemas.js`',
    (name, schema) => {
      expect(JSON.parse(readFileSync(join(folder, name), 'utf8'))).toEqual(
        JSON.parse(JSON.stringify(schema)),
      );
    },
  );

  it.each([...schemas].filter(([name]) => name.startsWith('event.')))(
    '%s breaks no reader of what was published before',
    (name, schema) => {
      const committed = JSON.parse(readFileSync(join(folder, name), 'utf8')) as JsonSchema;
      expect(breakingChanges(committed, JSON.parse(JSON.stringify(schema)) as JsonSchema)).toEqual([]);
    },
  );

  it('says that a cursor is always there, and may be null', () => {
    const { $defs } = schemas.get('service.device-registry.device.list.json') as {
      $defs: Record<string, { properties: object; required: string[] }>;
    };
    expect($defs['DeviceList']?.properties).toMatchObject({ nextCursor: { type: ['string', 'null'] } });
    expect($defs['DeviceList']?.required).toEqual(['items', 'nextCursor']);
  });
});
