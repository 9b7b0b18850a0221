import { describe, expect, it } from '@jest/globals';
import { encodeConfigurationReply, encodeError } from '@muster/kp1';
import { ProtocolViolation, readCommands, readDocument, readEmpty, readError } from './answers.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const document = (text: string) => readDocument(bytes(text), 'a configuration');

describe('answers', () => {
  it('with a document are read as the platform writes them, and as RFC 7 has them', () => {
    const configuration = { unchanged: false, configId: 'abc', config: { a: 1 } };
    const expected = { configId: 'abc', config: { a: 1 } };
    expect(document(encodeConfigurationReply(configuration, '7'))).toEqual(expected);
    expect(document('{"configId":"abc","config":{"a":1}}')).toEqual(expected);
  });

  it.each([
    ['304', encodeConfigurationReply({ unchanged: true, configId: 'abc', config: null })],
    ['the empty object of RFC 7', '{}'],
    ['nothing configured', '{"configId":"","config":null}'],
  ])('without a document: %s', (_what, text) => expect(document(text)).toBeUndefined());

  it.each([
    ['no JSON', () => document('config')],
    ['an array', () => document('[]')],
    ['half of the pair', () => document('{"configId":"abc"}')],
    ['a document that is unchanged', () => document('{"statusCode":304,"configId":"abc","config":{}}')],
    ['a config that is no object', () => document('{"configId":"abc","config":[1]}')],
    ['an error with more fields', () => readError(bytes('{"statusCode":400,"reasonPhrase":"","x":1}'))],
    ['an error without reason', () => readError(bytes('{"statusCode":400}'))],
    ['content where none may be', () => readEmpty(bytes('{}'), 'the answer to a write')],
    ['commands that are no array', () => readCommands(bytes('{"observe":true}'))],
    ['no commands at all', () => readCommands(bytes(''))],
    ['a command with id 0', () => readCommands(bytes('[{"id":0}]'))],
    ['a command without id', () => readCommands(bytes('[{"payload":1}]'))],
  ])('that break the protocol are told: %s', (_what, read) => expect(read).toThrow(ProtocolViolation));

  it('with errors and commands are read', () => {
    expect(readError(bytes(encodeError(404, 'no')))).toEqual({ statusCode: 404, reasonPhrase: 'no' });
    expect(readCommands(bytes('[]'))).toEqual([]);
    expect(readCommands(bytes('[{"id":3},{"id":4,"payload":null}]'))).toEqual([
      { id: 3 },
      { id: 4, payload: null },
    ]);
    expect(() => readEmpty(new Uint8Array(), 'x')).not.toThrow();
  });
});
