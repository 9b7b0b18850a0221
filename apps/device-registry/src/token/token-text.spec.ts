import { describe, expect, it } from '@jest/globals';
import { newTokenText } from './token-text.js';

describe('newTokenText', () => {
  it('makes 24 letters and digits, each about as often', () => {
    const texts = Array.from({ length: 4_000 }, newTokenText);
    expect(new Set(texts).size).toBe(texts.length);
    expect(texts.every((text) => /^[A-Za-z0-9]{24}$/.test(text))).toBe(true);
    const counts = new Map<string, number>();
    for (const character of texts.join('')) counts.set(character, (counts.get(character) ?? 0) + 1);
    // 96,000 characters, 1,548 each, standard deviation 39: 6 of them either way.
    expect(counts.size).toBe(62);
    expect(Math.min(...counts.values())).toBeGreaterThan(1_314);
    expect(Math.max(...counts.values())).toBeLessThan(1_782);
  });
});
