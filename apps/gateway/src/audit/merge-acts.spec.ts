import { describe, expect, it } from '@jest/globals';
import type { Act, ActPlace } from '@muster/contracts/audit/requests';
import fc from 'fast-check';
import { beforeOf, merged, type Answer, type Place } from './merge-acts.js';

const act = (at: number, position: number): Act => ({
  at: new Date(at).toISOString(),
  actor: { kind: 'user', id: 'anna' },
  action: 'DeviceRenamed',
  resource: { kind: 'device', id: 'd' },
  place: { at, position },
});

/** What a service answers that has these acts and reads `most` of them for a page. */
const answerOf = (
  acts: readonly ActPlace[],
  before: ActPlace | undefined,
  limit: number,
  most: number,
): Answer['list'] => {
  const rest = acts
    .filter(
      ({ at, position }) =>
        before === undefined || at < before.at || (at === before.at && position < before.position),
    )
    .sort((a, b) => b.at - a.at || b.position - a.position);
  const read = rest.slice(0, Math.min(limit, most));
  return {
    items: read.map(({ at, position }) => act(at, position)),
    readTo: read.length < rest.length ? (read.at(-1) ?? null) : null,
  };
};

const places = fc.uniqueArray(
  fc.record({ at: fc.integer({ min: 0, max: 5 }), position: fc.integer({ min: -3, max: 9 }) }),
  { selector: ({ at, position }) => `${at} ${position}`, maxLength: 20 },
);

describe('acts of several services', () => {
  it('come page by page in order, each once, however many are of one time and however far each reads', () => {
    fc.assert(
      fc.property(
        fc.array(places, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 7 }),
        (acts, limit, most) => {
          const seen: Place[] = [];
          let place: Place | undefined;
          for (let pages = 0; pages < 200; pages += 1) {
            const answers = acts.map((own, index) => {
              const service = `s${index}`;
              return { service, list: answerOf(own, beforeOf(service, place), limit, most) };
            });
            const { items, next } = merged(answers, limit);
            expect(items.length).toBeLessThanOrEqual(limit);
            seen.push(...items.map(({ service, place: { at, position } }) => ({ at, position, service })));
            if (next === null) {
              const all = acts.flatMap((own, index) => own.map((one) => ({ ...one, service: `s${index}` })));
              expect(seen).toEqual(
                all.sort(
                  (a, b) => b.at - a.at || a.service.localeCompare(b.service) || b.position - a.position,
                ),
              );
              return;
            }
            place = next;
          }
          throw new Error('it does not end');
        },
      ),
    );
  });

  it('stop where one of them has read no further: it may have more that comes before', () => {
    const { items, next } = merged(
      [
        { service: 'a', list: { items: [act(9, 1)], readTo: { at: 8, position: 0 } } },
        { service: 'b', list: { items: [act(7, 1), act(6, 1)], readTo: null } },
      ],
      50,
    );
    expect(items.map(({ place: { at } }) => at)).toEqual([9]);
    expect(next).toEqual({ at: 8, position: 0, service: 'a' });
  });
});
