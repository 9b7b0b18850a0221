import { describe, expect, it } from '@jest/globals';
import { readJson } from './json-input.js';

describe('what is typed as JSON', () => {
  it.each([
    ['"5"', '5'],
    ['0.1', 0.1],
    ['0.30000000000000004', 0.1 + 0.2],
    ['1e21', 1e21],
    ['9007199254740992', 2 ** 53],
    ['""', ''],
    ['null', null],
    ['{"a":[{"b":{}}]}', { a: [{ b: {} }] }],
  ])('is the value that it says: %s', (text, value) => {
    expect(readJson(text)).toEqual({ value });
  });

  it.each([
    ['9007199254740993', 'It must be a number that is kept exactly', true],
    ['{"serial": 12345678901234567890}', 'serial must be a number that is kept exactly', false],
    ['{"a": 1, "a": 2}', 'a must be given once, is there twice', false],
    ['1e999', 'It must be a number that a double can hold', true],
    ['{"a": }', 'It must be JSON', false],
    ['warm', 'This is no JSON. A text goes in quotes.', true],
    [`${'['.repeat(101)}${']'.repeat(101)}`, 'It must not be nested deeper than 100 levels', false],
  ])('is refused where it would not be kept as it is written: %s', (text, fault, asText) => {
    expect(readJson(text)).toMatchObject({ fault: expect.stringContaining(fault), asText });
  });
});
