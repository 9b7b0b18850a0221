import { describe, expect, it } from '@jest/globals';
import { fromLocal, toLocal } from './local-time.js';

describe('a time in an input', () => {
  const at = '2026-06-01T10:30:45.123Z';

  it('that nobody touched is the time to the millisecond', () => {
    expect(fromLocal(toLocal(at), at)).toBe(at);
  });

  it('that was touched is what is written', () => {
    expect(fromLocal(toLocal('2026-06-01T10:31:00.000Z'), at)).toBe('2026-06-01T10:31:00.000Z');
    expect(fromLocal('', at)).toBeUndefined();
    expect(fromLocal('soon')).toBeUndefined();
  });

  it('has its seconds', () => {
    expect(toLocal(at)).toMatch(/:30:45$/);
    expect(toLocal(undefined)).toBe('');
  });
});
