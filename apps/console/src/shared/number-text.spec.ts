import { describe, expect, it } from '@jest/globals';
import { numberIn } from './number-text.js';

describe('the text of a number', () => {
  it.each([
    ['52.', 52],
    ['52.0', 52],
    ['0.', 0],
    ['0.05', 0.05],
    ['-7.5', -7.5],
    ['12345678901234', 12345678901234],
    [52.5, 52.5],
  ])('%j means %d', (text, number) => expect(numberIn(text)).toBe(number));

  it.each(['', ' ', '-', '.', 'five'])('%j means none', (text) => expect(numberIn(text)).toBeUndefined());
});
