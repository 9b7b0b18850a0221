import { describe, expect, it } from '@jest/globals';
import { EventLog, type HubEvent, type Position } from './event-log.js';

const event = (text = ''): HubEvent => ({ body: Buffer.from(text), properties: {}, annotations: {} });

const filled = (): EventLog => {
  const log = new EventLog();
  for (const at of [100, 200, 300]) log.append(event('body'), at);
  return log;
};

const numbers = (log: EventLog, position: Position): number[] =>
  log.read(log.locate(position), 10).map(({ sequenceNumber }) => sequenceNumber);

describe('a partition', () => {
  it('numbers events from 0 on, with offsets that rise', () => {
    const log = filled();
    const offsets = log.read(0, 10).map(({ offset }) => offset);
    expect(log.read(0, 10).map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 1, 2]);
    expect(offsets).toEqual([...offsets].sort((one, other) => one - other));
    expect(new Set(offsets).size).toBe(3);
  });

  it('is read from a place on, with or without what is there', () => {
    const log = filled();
    const offset = log.read(1, 1)[0]?.offset ?? -1;
    expect(numbers(log, { by: 'sequenceNumber', value: 1, inclusive: false })).toEqual([2]);
    expect(numbers(log, { by: 'sequenceNumber', value: 1, inclusive: true })).toEqual([1, 2]);
    expect(numbers(log, { by: 'offset', value: offset, inclusive: false })).toEqual([2]);
    expect(numbers(log, { by: 'offset', value: -1, inclusive: false })).toEqual([0, 1, 2]);
    expect(numbers(log, { by: 'enqueuedAt', value: 200, inclusive: false })).toEqual([2]);
    expect(numbers(log, { by: 'latest' })).toEqual([]);
  });

  it('refuses a place that it has not come to', () => {
    expect(() => filled().locate({ by: 'sequenceNumber', value: 3, inclusive: false })).toThrow(
      /The last sequence number in the system is '2'/,
    );
    expect(() => filled().locate({ by: 'offset', value: 1_000_000, inclusive: false })).toThrow(/offset/);
  });

  it('begins with the oldest that is left where the place is forgotten', () => {
    const log = filled();
    log.forget(250, 100);
    expect(numbers(log, { by: 'sequenceNumber', value: 0, inclusive: false })).toEqual([2]);
    expect(log.firstSequenceNumber).toBe(2);
  });

  it('keeps its numbers when all is forgotten', () => {
    const log = filled();
    log.forget(1_000, 100);
    expect({ empty: log.isEmpty, last: log.last.sequenceNumber }).toEqual({ empty: true, last: 2 });
    expect(log.append(event(), 400).sequenceNumber).toBe(3);
  });

  it('forgets the oldest when there are too many', () => {
    const log = filled();
    log.forget(0, 2);
    expect(log.firstSequenceNumber).toBe(1);
  });

  it('has no time that goes back', () => {
    const log = filled();
    expect(log.append(event(), 50).enqueuedAt).toBe(300);
  });
});
