import { describe, expect, it } from '@jest/globals';
import { parsePosition } from './event-position.js';

describe('where a reader begins', () => {
  it.each([
    [undefined, { by: 'offset', value: -1, inclusive: false }],
    ["amqp.annotation.x-opt-offset > '-1'", { by: 'offset', value: -1, inclusive: false }],
    ["amqp.annotation.x-opt-offset > '@latest'", { by: 'latest' }],
    ["amqp.annotation.x-opt-sequence-number >= '7'", { by: 'sequenceNumber', value: 7, inclusive: true }],
    [
      "amqp.annotation.x-opt-enqueued-time > '1735689600000'",
      { by: 'enqueuedAt', value: 1_735_689_600_000, inclusive: false },
    ],
  ])('%s', (filter, expected) => {
    expect(parsePosition(filter)).toEqual(expected);
  });

  it('is refused when it is not understood', () => {
    expect(() => parsePosition("amqp.annotation.x-opt-partition-key = 'a'")).toThrow(/not understood/);
  });
});
