import { describe, expect, it } from '@jest/globals';
import {
  decodeAppliedConfiguration,
  decodeConfigurationRequest,
  encodeConfigurationPush,
  encodeConfigurationReply,
} from './configuration.js';
import { EMPTY_REPLY, encodeError } from './reply.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const request = (text: string) => decodeConfigurationRequest(bytes(text));
const applied = (text: string) => decodeAppliedConfiguration(bytes(text));

describe('a configuration request', () => {
  it.each([
    ['', {}],
    ['{}', {}],
    ['{"observe":true}', { observe: true }],
    ['{"configId":"","observe":false}', { configId: '', observe: false }],
    ['{"configId":null,"observe":null}', {}],
  ])('is %j', (text, expected) => expect(request(text)).toEqual(expected));

  it.each([
    ['[]', 'payload must be an object, is an array'],
    ['{"observe":"yes"}', 'observe must be true or false, is text'],
    ['{"configId":5}', 'configId must be text, is a number'],
    ['{"id":5}', 'payload must not have the field "id"'],
    [`{"configId":"${'x'.repeat(129)}"}`, 'configId must have at most 128 characters'],
    [`{"${'y'.repeat(200)}":1}`, `payload must not have the field "${'y'.repeat(61)}..."`],
  ])('is not %j', (text, reason) => expect(() => request(text)).toThrow(reason));
});

describe('an applied report', () => {
  it.each([
    ['{"configId":"a"}', { configId: 'a', statusCode: 200 }],
    ['{"configId":"a","statusCode":null,"reasonPhrase":null}', { configId: 'a', statusCode: 200 }],
    [
      '{"configId":"a","statusCode":418,"reasonPhrase":"no"}',
      { configId: 'a', statusCode: 418, reasonPhrase: 'no' },
    ],
  ])('is %j', (text, expected) => expect(applied(text)).toEqual(expected));

  it.each([
    ['', 'payload must be JSON, is empty'],
    ['{}', 'configId is required'],
    ['{"configId":null}', 'configId is required'],
    ['{"configId":7}', 'configId must be text, is a number'],
    ['{"configId":"a","statusCode":"200"}', 'statusCode must be a number, is text'],
    ['{"configId":"a","statusCode":1000}', 'statusCode must be < 1000'],
    ['{"configId":"a","status":200}', 'payload must not have the field "status"'],
    ['[{"configId":"a"}]', 'payload must be an object, is an array'],
  ])('is not %j', (text, reason) => expect(() => applied(text)).toThrow(reason));

  it.each([
    ['200.0', 200],
    ['200.5', 200],
    ['299.9', 299],
    ['4e2', 400],
    ['499.99', 499],
  ])('takes the status %s for %i, which is of its class', (text, statusCode) => {
    expect(applied(`{"configId":"a","statusCode":${text}}`)).toEqual({ configId: 'a', statusCode });
  });

  it('cuts a long reason, never through a character', () => {
    expect(
      applied(JSON.stringify({ configId: 'a', reasonPhrase: 'r'.repeat(5000) })).reasonPhrase,
    ).toHaveLength(1000);
    expect(
      applied(JSON.stringify({ configId: 'a', reasonPhrase: `${'r'.repeat(999)}😀` })).reasonPhrase,
    ).toBe('r'.repeat(999));
  });
});

describe('a reply', () => {
  const config = { interval: 5 };

  it('carries the document in both historic forms', () => {
    expect(JSON.parse(encodeConfigurationReply({ unchanged: false, configId: 'c1', config }, '007'))).toEqual(
      {
        id: 7,
        configId: 'c1',
        statusCode: 200,
        reasonPhrase: 'ok',
        config,
      },
    );
    expect(JSON.parse(encodeConfigurationPush({ configId: 'c1', config }))).toEqual({
      configId: 'c1',
      statusCode: 200,
      reasonPhrase: 'ok',
      config,
    });
  });

  it('carries an id of nineteen digits as it is', () => {
    expect(
      encodeConfigurationReply({ unchanged: true, configId: 'c1', config: null }, '1795868948123456789'),
    ).toBe('{"id":1795868948123456789,"statusCode":304,"reasonPhrase":"Not changed"}');
  });

  it('says unchanged without the document, and nothing configured with an empty id', () => {
    expect(JSON.parse(encodeConfigurationReply({ unchanged: true, configId: 'c1', config: null }))).toEqual({
      statusCode: 304,
      reasonPhrase: 'Not changed',
    });
    expect(
      JSON.parse(encodeConfigurationReply({ unchanged: false, configId: '', config: null }, '1')),
    ).toEqual({
      id: 1,
      configId: '',
      statusCode: 200,
      reasonPhrase: 'ok',
      config: null,
    });
  });

  it('of an error is exactly two fields, of a write nothing', () => {
    expect(encodeError(404, 'unknown resource')).toBe('{"statusCode":404,"reasonPhrase":"unknown resource"}');
    expect(EMPTY_REPLY).toBe('');
  });
});
