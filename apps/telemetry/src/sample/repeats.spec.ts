import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PreparedMessage } from './prepare-message.js';
import { CLOCK_TOLERANCE_MICROS, recogniseRepeats, type SlotRow } from './repeats.js';

const WINDOW = 300_000_000;
const NOON = Date.UTC(2026, 0, 1, 12) * 1_000;
const device = { tenantId: 'default', deviceId: 'd1' };

type Mark = '' | 'R' | 'D' | 'RD';

/** One reading, as it comes `after` microseconds past noon, with the marks of the broker (R) and of the client (D). */
const reading = (after: number, mark: Mark, content = 'a', ownTime = false): PreparedMessage => ({
  ...device,
  appVersion: 'v1',
  receivedAt: NOON + after,
  redelivered: mark.includes('R'),
  duplicate: mark.includes('D'),
  samples: [
    { at: NOON + after, ownTime, receivedAt: NOON + after, hash: content, json: content, data: content },
  ],
});

/** A store as PostgreSQL would hold it. */
const emptyStore = () => {
  let rows: SlotRow[] = [];
  return {
    /** Stores one batch; says of each message after which time past noon it lies now. */
    batch: (...messages: PreparedMessage[]): number[] => {
      const { known, changed } = recogniseRepeats(
        messages,
        rows.toSorted((a, b) => a.at - b.at),
        WINDOW,
      );
      const keyOf = ({ deviceId, hash, at }: SlotRow) => `${deviceId} ${hash} ${at}`;
      const all = new Map(rows.map((row) => [keyOf(row), row]));
      const places: number[] = [];
      for (const { deviceId, tenantId, samples } of messages) {
        for (const sample of samples) {
          const { hash, at } = sample;
          const row = { tenantId, deviceId, hash, at, redeliveredAt: null, duplicateAt: null };
          if (!known.has(sample) && !all.has(keyOf(row))) all.set(keyOf(row), row);
          places.push((known.get(sample)?.at ?? at) - NOON);
        }
      }
      for (const { tenantId, deviceId, hash, at, redeliveredAt, duplicateAt } of changed) {
        const row = { tenantId, deviceId, hash, at, redeliveredAt, duplicateAt };
        if (all.has(keyOf(row))) all.set(keyOf(row), row);
      }
      rows = [...all.values()];
      return places;
    },
    rows: () => rows,
  };
};

/** Batches one after the other; where each reading lies then, by the time of its arrival past noon. */
const placesOf = (...batches: PreparedMessage[][]): number[][] => {
  const store = emptyStore();
  return batches.map((batch) => store.batch(...batch));
};

describe('a reading without a mark', () => {
  it('is stored, whatever is there', () => {
    expect(
      placesOf([reading(1, ''), reading(2, '')], [reading(3, 'R'), reading(4, ''), reading(5, '')]),
    ).toEqual([
      [1, 2],
      [1, 4, 5],
    ]);
  });

  it('is stored beside its own repetition that came first', () => {
    expect(
      placesOf([reading(1, 'D'), reading(2, '')], [reading(3, 'R', 'b')], [reading(4, '', 'b')]),
    ).toEqual([[1, 2], [3], [4]]);
  });
});

describe('a redelivery', () => {
  it('is recognised in a row, and the next one is not', () => {
    expect(placesOf([reading(1, '')], [reading(2, 'R')], [reading(3, 'R')])).toEqual([[1], [1], [3]]);
  });

  it('takes a row each', () => {
    expect(
      placesOf([reading(1, ''), reading(2, '')], [reading(3, 'R'), reading(4, 'R'), reading(5, 'R')]),
    ).toEqual([
      [1, 2],
      [1, 2, 5],
    ]);
  });

  it.each([
    ['in one batch', [[reading(1, 'R'), reading(2, 'R')]], [[1, 2]]],
    ['in two', [[reading(1, 'R')], [reading(2, 'R')]], [[1], [2]]],
  ])('and another, %s and with nothing stored, are two readings', (_where, batches, places) => {
    expect(placesOf(...batches)).toEqual(places);
  });

  it('is not looked for in its own batch', () => {
    expect(placesOf([reading(1, ''), reading(2, 'R')])).toEqual([[1, 2]]);
  });

  it('is not recognised in what was stored from a duplicate: its mark would have come with it', () => {
    expect(placesOf([reading(1, 'D')], [reading(2, 'R')])).toEqual([[1], [2]]);
  });
});

describe('a duplicate', () => {
  it('is recognised in a row, and the next one is not', () => {
    expect(placesOf([reading(1, '')], [reading(2, 'D')], [reading(3, 'D')])).toEqual([[1], [1], [3]]);
  });

  it.each<Mark>(['', 'R'])('is recognised in a reading marked "%s" before it in its batch', (mark) => {
    expect(placesOf([reading(1, mark), reading(2, 'D')])).toEqual([[1, 1]]);
    expect(placesOf([reading(2, 'D'), reading(1, mark)])).toEqual([[1, 1]]);
  });

  it('is not recognised in a reading behind it', () => {
    expect(placesOf([reading(1, 'D'), reading(2, '')])).toEqual([[1, 2]]);
  });

  it.each([
    ['in one batch', [[reading(1, 'D'), reading(2, 'D')]], [[1, 2]]],
    ['in two', [[reading(1, 'D')], [reading(2, 'D')]], [[1], [2]]],
  ])('and another, %s and with nothing else, are two readings', (_where, batches, places) => {
    expect(placesOf(...batches)).toEqual(places);
  });

  it('takes one reading of its batch each', () => {
    expect(
      placesOf([reading(1, ''), reading(2, ''), reading(3, 'D'), reading(4, 'D'), reading(5, 'D')]),
    ).toEqual([[1, 2, 1, 2, 5]]);
  });

  it('and a redelivery are recognised in one row', () => {
    expect(placesOf([reading(1, '')], [reading(2, 'R'), reading(3, 'D')])).toEqual([[1], [1, 1]]);
    expect(placesOf([reading(1, '')], [reading(2, 'D'), reading(3, 'R')])).toEqual([[1], [1, 1]]);
  });
});

describe('a redelivered duplicate', () => {
  it('takes the slot of the duplicate first, then that of the redelivery', () => {
    const store = emptyStore();
    store.batch(reading(1, ''));
    expect(store.batch(reading(2, 'RD'))).toEqual([1]);
    expect(store.rows()).toMatchObject([{ duplicateAt: NOON + 2, redeliveredAt: null }]);
    expect(store.batch(reading(3, 'RD'))).toEqual([1]);
    expect(store.rows()).toMatchObject([{ duplicateAt: NOON + 2, redeliveredAt: NOON + 3 }]);
    expect(store.batch(reading(4, 'RD'))).toEqual([4]);
  });

  it('is recognised in its first message beside it, when neither was stored', () => {
    expect(placesOf([reading(1, 'R'), reading(2, 'RD')])).toEqual([[1, 1]]);
  });

  it('is recognised in the row that its first delivery became', () => {
    expect(placesOf([reading(1, 'D')], [reading(2, 'RD')], [reading(3, 'RD')])).toEqual([[1], [1], [3]]);
  });

  it('is recognised in the row that its first delivery was recognised in', () => {
    expect(placesOf([reading(1, ''), reading(2, 'D')], [reading(3, 'RD')])).toEqual([[1, 1], [1]]);
  });

  it('and another, with nothing else, are two readings', () => {
    expect(placesOf([reading(1, 'RD'), reading(2, 'RD')], [reading(3, 'RD')])).toEqual([[1, 2], [3]]);
  });
});

describe('what is compared', () => {
  it('is the content', () => {
    expect(placesOf([reading(1, '', 'a'), reading(2, 'D', 'b')], [reading(3, 'R', 'b')])).toEqual([
      [1, 2],
      [3],
    ]);
  });

  it('is the device', () => {
    const other = { ...reading(2, 'D'), deviceId: 'd2' };
    expect(placesOf([reading(1, ''), other])).toEqual([[1, 2]]);
  });

  it('is not a sample with a time of its own', () => {
    expect(placesOf([reading(1, '', 'a', true), reading(2, 'D'), reading(3, 'D', 'a', true)])).toEqual([
      [1, 2, 3],
    ]);
  });

  it.each<[Mark, number, boolean]>([
    ['R', WINDOW, true],
    ['D', WINDOW, true],
    ['R', WINDOW + 1, false],
    ['D', WINDOW + 1, false],
    ['R', -CLOCK_TOLERANCE_MICROS, true],
    ['D', -CLOCK_TOLERANCE_MICROS, true],
    ['R', -CLOCK_TOLERANCE_MICROS - 1, false],
    ['D', -CLOCK_TOLERANCE_MICROS - 1, false],
  ])('marked %s and %i µs after the row is recognised: %s', (mark, after, recognised) => {
    expect(placesOf([reading(0, '')], [reading(after, mark)])).toEqual([[0], [recognised ? 0 : after]]);
  });
});

describe('any readings', () => {
  const marks = fc.constantFrom<Mark>('', 'R', 'D', 'RD');
  const readings = fc
    .array(fc.tuple(marks, fc.constantFrom('a', 'b')), { minLength: 1, maxLength: 12 })
    .map((all) => all.map(([mark, content], index) => reading(index + 1, mark, content)));
  const cut = (all: PreparedMessage[], size: number) =>
    Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));

  it('give the same result when they are sent again, whole or in parts', () => {
    fc.assert(
      fc.property(readings, readings, fc.integer({ min: 1, max: 12 }), (before, batch, size) => {
        const store = emptyStore();
        store.batch(...before);
        const shifted = batch.map((one) => ({
          ...one,
          receivedAt: one.receivedAt + 100,
          samples: one.samples.map((sample) => ({ ...sample, at: sample.at + 100 })),
        }));
        const first = store.batch(...shifted);
        const rows = store.rows();
        expect(cut(shifted, size).flatMap((part) => store.batch(...part))).toEqual(first);
        expect(store.rows()).toEqual(rows);
      }),
    );
  });

  it('lose none without a mark, and no more than two to each row', () => {
    fc.assert(
      fc.property(readings, fc.integer({ min: 1, max: 12 }), (all, size) => {
        const store = emptyStore();
        const places = cut(all, size).flatMap((part) => store.batch(...part));
        all.forEach(({ redelivered, duplicate }, index) => {
          if (!redelivered && !duplicate) expect(places[index]).toBe(index + 1);
        });
        for (const place of places)
          expect(places.filter((one) => one === place).length).toBeLessThanOrEqual(3);
      }),
    );
  });
});
