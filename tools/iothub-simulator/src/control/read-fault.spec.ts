import { describe, expect, it } from '@jest/globals';
import { readFault } from './read-fault.js';

describe('a fault', () => {
  it('is read with what its kind has', () => {
    const fault = { kind: 'rest-error', status: 503, path: '/twins/', times: 2 };
    expect(readFault(fault)).toEqual(fault);
  });

  it.each<[unknown, string]>([
    [null, 'A fault is a JSON object'],
    [{ kind: 'fire' }, 'kind is one of rest-error'],
    [{ kind: 'rest-error' }, 'rest-error needs status'],
    [{ kind: 'rest-delay', ms: -1 }, 'ms is no whole number of 0 or more'],
    [{ kind: 'rest-delay', ms: 1, status: 500 }, 'rest-delay has no status'],
    [{ kind: 'event-duplicate', deviceId: 1 }, 'deviceId is no text'],
  ])('is refused: %j', (value, message) => {
    expect(() => readFault(value)).toThrow(message);
  });
});
