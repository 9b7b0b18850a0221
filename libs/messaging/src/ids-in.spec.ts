import { describe, expect, it } from '@jest/globals';
import { idsIn } from './ids-in.js';

describe('what the log says of a request', () => {
  it('is its ids and times, of each item', () => {
    expect(
      idsIn({
        tenantId: 't',
        messages: [
          { deviceId: 'd1', receivedAt: 17, samples: [{ at: 1, data: { a: 1 } }] },
          { deviceId: 'd2', receivedAt: 18, samples: [] },
        ],
      }),
    ).toEqual({
      tenantId: 't',
      messages: [
        { deviceId: 'd1', receivedAt: 17 },
        { deviceId: 'd2', receivedAt: 18 },
      ],
    });
  });

  it('is no content, and no secret', () => {
    expect(
      idsIn({ deviceId: 'd1', token: 's3cret', changes: { password: 'x' }, tokens: ['a', 'b'] }),
    ).toEqual({
      deviceId: 'd1',
    });
  });
});
