import { describe, expect, it } from '@jest/globals';
import { decodeCommandRequest, decodeCommandResults, encodeCommands } from './commands.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const results = (text: string) => decodeCommandResults(bytes(text));

describe('a request for commands', () => {
  it.each([
    ['', {}],
    ['{}', {}],
    ['{"observe":null}', {}],
    ['{"observe":false}', { observe: false }],
  ])('is %j', (text, expected) => expect(decodeCommandRequest(bytes(text))).toEqual(expected));

  it.each([
    ['{"observe":1}', 'observe must be true or false, is a number'],
    ['{"type":"a"}', 'payload must not have the field "type"'],
    ['[]', 'payload must be an object, is an array'],
  ])('is not %j', (text, reason) => expect(() => decodeCommandRequest(bytes(text))).toThrow(reason));
});

describe('results of commands', () => {
  it('are an array, an empty one, or a single object', () => {
    expect(results('[{"id":1,"statusCode":200,"reasonPhrase":"Ok","payload":{"engine_on":true}}]')).toEqual([
      { id: 1, statusCode: 200, reasonPhrase: 'Ok', payload: { engine_on: true } },
    ]);
    expect(results('[]')).toEqual([]);
    expect(results('{"id":2,"statusCode":500}')).toEqual([{ id: 2, statusCode: 500 }]);
  });

  it('have no reason when it is null, a payload when it is null, and no other field', () =>
    expect(
      results('[{"id":1,"statusCode":200,"reasonPhrase":null,"payload":null,"type":"x","more":1}]'),
    ).toEqual([{ id: 1, statusCode: 200, payload: null }]));

  it('have a long reason cut, not through a character', () => {
    const [result] = results(
      JSON.stringify([{ id: 1, statusCode: 400, reasonPhrase: `${'x'.repeat(999)}😀` }]),
    );
    expect(result?.reasonPhrase).toBe('x'.repeat(999));
  });

  it('have a status that is taken by its class', () =>
    expect(results('[{"id":1,"statusCode":200.0},{"id":2,"statusCode":404.5}]')).toMatchObject([
      { statusCode: 200 },
      { statusCode: 404 },
    ]));

  it.each([
    ['', 'payload must be JSON, is empty'],
    ['[{"statusCode":200}]', 'id is required'],
    ['[{"id":1}]', 'statusCode is required'],
    ['[{"id":"1","statusCode":200}]', 'id must be a whole number, is text'],
    ['[{"id":2147483648,"statusCode":200}]', 'id must be <= 2147483647'],
    ['[{"id":1,"statusCode":1000}]', 'statusCode must be < 1000'],
    ['[1]', 'payload must be an object, is a number'],
  ])('are not %j', (text, reason) => expect(() => results(text)).toThrow(reason));
});

describe('outstanding commands', () => {
  const commands = [
    { type: 'reboot', id: 1 },
    { type: 'set', id: 2, payload: null },
  ];

  it('are id and payload on the topic of a type', () =>
    expect(encodeCommands(commands, false)).toBe('[{"id":1},{"id":2,"payload":null}]'));

  it('say their type on the topic of all', () =>
    expect(encodeCommands(commands, true)).toBe(
      '[{"type":"reboot","id":1},{"type":"set","id":2,"payload":null}]',
    ));

  it('are an empty array when there are none', () => expect(encodeCommands([], false)).toBe('[]'));
});
