import { describe, expect, it } from '@jest/globals';
import { fastHashOf, isFast, isPassword, slowHashOf } from './password-hash.js';
import { VerifiedPasswords } from './verified-passwords.js';

describe('the hash of a password', () => {
  it('of one that was given is slow, salted, and knows its own cost', async () => {
    const [one, other] = [await slowHashOf('a given one'), await slowHashOf('a given one')];
    expect(one).toMatch(/^\$scrypt\$ln=14,r=8,p=5\$[^$]{24}\$[^$]{44}$/);
    expect(one).not.toBe(other);
    expect(isFast(one)).toBe(false);
    expect(await isPassword('a given one', one)).toBe(true);
    expect(await isPassword('a given two', one)).toBe(false);
    // Of an older cost.
    const cheap = '$scrypt$ln=4,r=1,p=1$c2FsdHNhbHRzYWx0c2FsdA==$';
    expect(await isPassword('x', `${cheap}${Buffer.alloc(32).toString('base64')}`)).toBe(false);
  });

  it('of one that was generated is fast', async () => {
    expect(isFast(fastHashOf('generated'))).toBe(true);
    expect(await isPassword('generated', fastHashOf('generated'))).toBe(true);
    expect(await isPassword('other', fastHashOf('generated'))).toBe(false);
  });

  it('that nobody wrote is a fault of ours', async () =>
    expect(isPassword('x', 'plain text')).rejects.toThrow('cannot be read'));
});

describe('passwords that were right lately', () => {
  it('are known for their hash alone', () => {
    const verified = new VerifiedPasswords(10);
    verified.add('hash-1', 'right');
    expect(verified.has('hash-1', 'right')).toBe(true);
    expect(verified.has('hash-1', 'wrong')).toBe(false);
    expect(verified.has('hash-2', 'right')).toBe(false);
  });

  it('are so many at most; those go first that were not seen for the longest', () => {
    const verified = new VerifiedPasswords(2);
    verified.add('h', 'a');
    verified.add('h', 'b');
    expect(verified.has('h', 'a')).toBe(true);
    verified.add('h', 'c');
    expect(['a', 'b', 'c'].map((password) => verified.has('h', password))).toEqual([true, false, true]);
    expect(verified.size).toBe(2);
  });

  it('are in memory as nothing that another process could use', () => {
    const [one, other] = [new VerifiedPasswords(2), new VerifiedPasswords(2)];
    for (const verified of [one, other]) verified.add('h', 'a');
    const kept = [one, other].map((verified) =>
      JSON.stringify([...(Reflect.get(verified, 'known') as Set<string>)]),
    );
    expect(kept[0]).not.toBe(kept[1]);
    expect(kept.join()).not.toContain('a"');
  });
});
