import { describe, expect, it } from '@jest/globals';
import { MAX_TOKEN_BYTES, TOKEN_PATTERN, tokenHint, wrongToken } from './endpoint-token.js';

const pattern = new RegExp(TOKEN_PATTERN, 'u');

describe('wrongToken', () => {
  it.each([
    'my-first-token',
    'ab:cd:ef',
    'a'.repeat(65),
    'a'.repeat(MAX_TOKEN_BYTES),
    'a*b',
    '$x',
    '>',
    '{"serial":1}',
    "o'neil@plant&co=1%20",
    'датчик-7',
    '温度計',
  ])('takes %s', (token) => {
    expect(wrongToken(token)).toBeUndefined();
    expect(pattern.test(token)).toBe(true);
  });

  it.each([
    '',
    'a+b',
    'a#b',
    'a/b',
    'a.b',
    'a b',
    'a\tb',
    'a\u00a0b',
    'a\u0000b',
    'a\u0085b',
    'a\u202eb',
    'a\ud800b',
    '*',
  ])('refuses %j', (token) => {
    expect(wrongToken(token)).toBeDefined();
    expect(pattern.test(token)).toBe(false);
  });

  it('counts bytes, as topics do', () => {
    expect(wrongToken('é'.repeat(64))).toBeUndefined();
    expect(wrongToken('é'.repeat(65))).toBe('must have at most 128 bytes');
    expect(wrongToken(7)).toBe('must be a string');
  });
});

describe('tokenHint', () => {
  it('shows four characters of a long token, and of a short one a third at most', () => {
    expect(tokenHint('abcdefghijklmnopqrstuvwx')).toBe('abcd');
    expect(tokenHint('my-first-token')).toBe('my-f');
    expect(tokenHint('ab:cd:ef')).toBe('ab');
    expect(tokenHint('ab')).toBe('');
    expect(tokenHint('😀😀😀😀😀😀')).toBe('😀😀');
  });
});
