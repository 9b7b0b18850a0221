import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { guarded, unguarded } from './csv-cells.js';

describe('a cell of a CSV file', () => {
  it.each(['=1+1', '+1', '-1', '@x', '\t=1', '\n=1', '＝1+1', "'=1", "''+x"])(
    'that begins a formula is made a text: %j',
    (text) => {
      expect(guarded(text)).toBe(`'${text}`);
    },
  );

  it('comes back as it was, whatever it is', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^'{0,3}[=+\-@\t\r\n＝]?[a-z]{0,3}$/));
    fc.assert(fc.property(text, (any) => expect(unguarded(guarded(any))).toBe(any)));
  });

  it('that is none stays', () => {
    for (const text of ['', 'a=1', "'", "it's", '7']) expect(guarded(text)).toBe(text);
  });
});
