import { describe, expect, it } from '@jest/globals';
import { readKeys, writeKeys } from './series.js';

describe('keys in an address', () => {
  it.each([[[]], [['']], [['', 'a']], [['a,b', 'c d']], [['%', '']]])('%j come out as they went in', (keys) =>
    expect(readKeys(writeKeys(keys))).toEqual(keys),
  );
});
