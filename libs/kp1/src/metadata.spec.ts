import { describe, expect, it } from '@jest/globals';
import { decodeMetadataDeletion, decodeMetadataRequest, decodeMetadataUpdate } from './metadata.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a request for metadata', () => {
  it.each([
    ['', {}],
    ['{}', {}],
    ['{"keys":null}', {}],
    ['{"keys":["a","b_1"]}', { keys: ['a', 'b_1'] }],
    ['{"keys":[]}', { keys: [] }],
  ])('is %j', (text, expected) => expect(decodeMetadataRequest(bytes(text))).toEqual(expected));

  it.each([
    ['[]', 'payload must be an object, is an array'],
    ['{"keys":"a"}', 'keys must be an array, is text'],
    ['{"keys":["a","a"]}', 'keys must not hold the same value twice'],
    ['{"keys":["a b"]}', 'keys.0 must match pattern'],
    ['{"key":["a"]}', 'payload must not have the field "key"'],
  ])('is not %j', (text, reason) => expect(() => decodeMetadataRequest(bytes(text))).toThrow(reason));
});

describe('an update of metadata', () => {
  it('is an object with any values, null among them', () => {
    const text = '{"name":"Sensor 1","deviceModel":null,"a_1":{"b":[1]}}';
    expect(decodeMetadataUpdate(bytes(text))).toEqual(JSON.parse(text));
  });

  it.each([
    ['', 'payload must be JSON, is empty'],
    ['{}', 'payload must have at least one key'],
    ['[1]', 'payload must be an object, is an array'],
    ['null', 'payload must be an object, is null'],
    ['{"a-b":1}', 'the key "a-b" must match [a-zA-Z0-9_]{1,64}'],
    [`{"${'x'.repeat(65)}":1}`, 'must match'],
  ])('is not %j', (text, reason) => expect(() => decodeMetadataUpdate(bytes(text))).toThrow(reason));
});

describe('a deletion of metadata', () => {
  it('is a list of keys', () =>
    expect(decodeMetadataDeletion(bytes('["location","areaId"]'))).toEqual(['location', 'areaId']));

  it.each([
    ['[]', 'payload must have at least 1 item'],
    ['["a","a"]', 'payload must not hold the same value twice'],
    ['["a.b"]', '0 must match pattern'],
    ['{"a":1}', 'payload must be an array, is an object'],
  ])('is not %j', (text, reason) => expect(() => decodeMetadataDeletion(bytes(text))).toThrow(reason));
});
