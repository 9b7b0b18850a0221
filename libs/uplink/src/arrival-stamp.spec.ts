import { describe, expect, it } from '@jest/globals';
import { stamped, unstamped } from './arrival-stamp.js';

const AT = 1_795_868_948_123_456;

describe('a stamp of arrival', () => {
  it.each(['{"t":1}', '', '21 °C', '\0spoofed stamp', '\0'])('leaves the payload %j as it was', (text) => {
    expect(unstamped(stamped(text, AT))).toEqual({
      payload: Buffer.from(text),
      arrivedAt: AT,
      isDuplicate: false,
    });
    expect(unstamped(stamped(text, AT, true))).toEqual({
      payload: Buffer.from(text),
      arrivedAt: AT,
      isDuplicate: true,
    });
    expect(unstamped(stamped(Buffer.from(text), AT)).payload.toString()).toBe(text);
  });

  it.each(['{"t":1}', '', '[]', '\0short'])('is not seen where there is none: %j', (text) => {
    expect(unstamped(Buffer.from(text))).toEqual({
      payload: Buffer.from(text),
      arrivedAt: undefined,
      isDuplicate: false,
    });
  });

  it('is no time that a number cannot hold', () => {
    const content = Buffer.concat([Buffer.from([0]), Buffer.alloc(8, 0xff), Buffer.from('{}')]);
    expect(unstamped(content)).toEqual({ payload: content, arrivedAt: undefined, isDuplicate: false });
  });
});
