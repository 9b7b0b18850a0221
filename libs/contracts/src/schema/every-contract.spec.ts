import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { getMetadataStorage } from 'class-validator';
import type { Shape } from '../contract.js';
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

  it('has no field that may be missing only because the class it inherits from says so', () => {
    const storage = getMetadataStorage();
    const shapes = Object.values(contractModules)
      .flatMap((module): unknown[] => Object.values(module))
      .filter((exported): exported is Shape<object> => typeof exported === 'function');
    const loosened = shapes.flatMap((shape) => {
      const rules = storage.groupByPropertyName(
        storage.getTargetValidationMetadatas(shape, '', false, false),
      );
      return Object.entries(rules)
        .filter(([, ofField]) => {
          const ofClass = (own: boolean) => ofField.filter(({ target }) => (target === shape) === own);
          return ofClass(true).length > 0 && ofClass(false).some(({ name }) => name === 'isOptional');
        })
        .map(([name]) => `${shape.name}.${name}`);
    });
    expect(shapes.length).toBeGreaterThan(200);
    expect(loosened).toEqual([]);
  });
});
