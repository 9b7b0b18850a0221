import { describe, expect, it } from '@jest/globals';
import { cutText } from './cut-text.js';

describe('a text that is cut', () => {
  it.each([
    ['abc', 3, 'abc'],
    ['abc', 2, 'ab'],
    ['a😀b', 3, 'a😀'],
    ['a😀b', 2, 'a'],
    ['😀😀', 3, '😀'],
    ['', 5, ''],
  ])('%j to %i is %j', (text, most, cut) => {
    expect(cutText(text, most)).toBe(cut);
  });
});
