import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { contractModules } from './every-contract.js';

describe('every contract', () => {
  it('is found: each module of requests and published events is listed', () => {
    const declared = readdirSync(join(import.meta.dirname, '../../../src'), {
      recursive: true,
      encoding: 'utf8',
    })
      .filter((path) => /\/([a-z-]+\.)?(requests|published)\.ts$/.test(path))
      .map((path) => path.replace(/\.ts$/, ''));
    expect(Object.keys(contractModules).sort()).toEqual(declared.sort());
  });
});
