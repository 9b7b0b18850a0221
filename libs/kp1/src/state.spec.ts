import { describe, expect, it } from '@jest/globals';
import { decodeStateReport } from './state.js';

const decode = (text: string) => decodeStateReport(new TextEncoder().encode(text));

describe('a report of state', () => {
  it('is an object, with null for what is gone', () =>
    expect(decode('{"interval":12,"led":null}')).toEqual({ interval: 12, led: null }));

  it('may be empty', () => expect(decode('{}')).toEqual({}));

  it.each([
    ['', 'payload must be JSON, is empty'],
    ['[]', 'payload must be an object, is an array'],
    ['null', 'payload must be an object, is null'],
    ['1', 'payload must be an object, is a number'],
  ])('is not %j', (text, reason) => expect(() => decode(text)).toThrow(reason));
});
