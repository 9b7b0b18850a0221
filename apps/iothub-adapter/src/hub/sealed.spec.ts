import { describe, expect, it } from '@jest/globals';
import { Sealer } from './sealed.js';

const sealer = new Sealer([Buffer.alloc(32, 7)]);
const sealed = sealer.seal('very secret', 'tenant hub');
const notSetUp: unknown = expect.objectContaining({ code: 'iot-hubs-not-set-up' });

describe('a sealed text', () => {
  it('opens in its place, and looks like nothing', () => {
    expect(sealer.open(sealed, 'tenant hub')).toBe('very secret');
    expect(sealed.includes('very secret')).toBe(false);
    expect(sealer.seal('very secret', 'tenant hub').equals(sealed)).toBe(false);
  });

  it('opens nowhere else', () => {
    expect(() => sealer.open(sealed, 'other hub')).toThrow(notSetUp);
  });

  it('opens by no other key', () => {
    expect(() => new Sealer([Buffer.alloc(32, 8)]).open(sealed, 'tenant hub')).toThrow(notSetUp);
  });

  it('opens by any of several keys, of which the first seals', () => {
    const both = new Sealer([Buffer.alloc(32, 8), Buffer.alloc(32, 7)]);
    expect(both.open(sealed, 'tenant hub')).toBe('very secret');
    expect(both.isSealedByFirst(sealed, 'tenant hub')).toBe(false);
    const anew = both.seal('very secret', 'tenant hub');
    expect(both.isSealedByFirst(anew, 'tenant hub')).toBe(true);
    expect(new Sealer([Buffer.alloc(32, 8)]).open(anew, 'tenant hub')).toBe('very secret');
    expect(() => sealer.open(anew, 'tenant hub')).toThrow(notSetUp);
  });

  it('opens no more when a bit of it was turned, or it was cut', () => {
    for (let at = 0; at < sealed.length; at += 1) {
      const turned = Buffer.from(sealed);
      turned[at] = (turned[at] ?? 0) ^ 1;
      expect(() => sealer.open(turned, 'tenant hub')).toThrow(notSetUp);
      expect(() => sealer.open(sealed.subarray(0, at), 'tenant hub')).toThrow(notSetUp);
    }
  });
});
