import { describe, expect, it } from '@jest/globals';
import { wrongName, wrongText } from './names.js';

describe('a name', () => {
  it.each(['a', 'Heizkörper 5', '日本', 'a‍b', '👩‍👩‍👧', 'مرحبا', 'x'.repeat(128), '-', "it's"])(
    'may be %j',
    (name) => {
      expect(wrongName(name, 128)).toBeUndefined();
    },
  );

  it.each([
    [5, 'must be a string'],
    ['', 'must have 1 to 128 characters'],
    ['x'.repeat(129), 'must have 1 to 128 characters'],
    [' ', 'must have a character that can be seen'],
    ['\u00A0\u3000', 'must have a character that can be seen'],
    ['\u200B', 'must have a character that can be seen'],
    ['\u200D\uFEFF\u2060', 'must have a character that can be seen'],
    ['\u3164', 'must have a character that can be seen'],
    ['\u2800', 'must have a character that can be seen'],
    ['\t', 'must not contain U+0009, a control or bidirectional character'],
    ['a\nb', 'must not contain U+000A, a control or bidirectional character'],
    ['a\u0000', 'must not contain U+0000, a control or bidirectional character'],
    ['a\u007F', 'must not contain U+007F, a control or bidirectional character'],
    ['a\u0085b', 'must not contain U+0085, a control or bidirectional character'],
    ['a\u2028b', 'must not contain U+2028, a control or bidirectional character'],
    ...['\u061C', '\u200E', '\u200F', '\u202A', '\u202E', '\u2066', '\u2069'].map(
      (character): [string, string] => [`txt.${character}exe`, 'a control or bidirectional character'],
    ),
    [' a', 'must not begin or end with a space'],
    ['a ', 'must not begin or end with a space'],
    ['\u00A0a', 'must not begin or end with a space'],
  ])('may not be %j', (name, rule) => {
    expect(wrongName(name, 128)).toContain(rule);
  });
});

describe('a description', () => {
  it.each(['', 'one\r\ntwo\n\tthree', ' a '])('may be %j', (text) => {
    expect(wrongText(text, 20)).toBeUndefined();
  });

  it.each([
    [null, 'must be a string'],
    ['x'.repeat(21), 'must have at most 20 characters'],
    ['a\u001Bb', 'must not contain U+001B, a control or bidirectional character'],
    ['a\u202Eb', 'must not contain U+202E, a control or bidirectional character'],
  ])('may not be %j', (text, rule) => {
    expect(wrongText(text, 20)).toBe(rule);
  });
});
