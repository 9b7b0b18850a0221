import { describe, expect, it } from '@jest/globals';
import type { HistoryItem } from '@muster/contracts/configuration/requests';
import type { RecordedEvent } from '@muster/event-store';
import fc from 'fast-check';
import { Confirmations } from './confirmations.js';
import { initial } from '../device-configuration/configuration-state.js';
import { evolve } from '../device-configuration/device-configuration.decider.js';
import type { ConfigurationEvent } from '../device-configuration/device-configuration.events.js';

/** A second apart, so that a time says which event it is of. */
const timeAt = (version: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, version)).toISOString();
const device = 'mqtt';
const changed = (configId: string) => (at: string) =>
  ({
    type: 'DesiredConfigurationChanged',
    schemaVersion: 2,
    data: { changes: {}, configId, source: { kind: 'user', id: 'anna' }, changedAt: at },
  }) satisfies ConfigurationEvent;
const applied = (configId: string) => (at: string) =>
  ({
    type: 'ConfigurationApplied',
    data: { configId, interface: device, implicit: false, appliedAt: at },
  }) satisfies ConfigurationEvent;
const rejected = (configId: string) => (at: string) =>
  ({
    type: 'ConfigurationRejected',
    data: { configId, interface: device, statusCode: 400, rejectedAt: at },
  }) satisfies ConfigurationEvent;
const dispatched = (configId: string, subscriber: boolean) => (at: string) =>
  ({
    type: 'ConfigurationDispatched',
    data: { configId, interface: device, subscriber, dispatchedAt: at },
  }) satisfies ConfigurationEvent;
const reoffered = (configId: string) => (at: string) =>
  ({
    type: 'ConfigurationReoffered',
    data: { configId, source: { kind: 'user', id: 'anna' }, reofferedAt: at },
  }) satisfies ConfigurationEvent;
type Step = (at: string) => ConfigurationEvent;

const stream = (steps: readonly Step[]): RecordedEvent<ConfigurationEvent>[] =>
  steps.map((step, index) => ({
    ...step(timeAt(index + 1)),
    schemaVersion: 1,
    position: index,
    tenantId: 'default',
    aggregate: 'configuration',
    streamId: 'd',
    stream: 'configuration-d',
    version: index + 1,
    metadata: { actor: { kind: 'user', id: 'anna' } },
    recordedAt: timeAt(index + 1),
  })) as RecordedEvent<ConfigurationEvent>[]; // spreading a union loses it

/** Version of a change → when it was confirmed, found newest first; of changes from `newest` on nothing is shown. */
const found = (
  steps: readonly Step[],
  newest = Number.POSITIVE_INFINITY,
): Map<number, string | undefined> => {
  const confirmations = new Confirmations();
  const items = new Map<number, HistoryItem>();
  for (const event of stream(steps).reverse()) {
    if (event.type !== 'DesiredConfigurationChanged' || event.version >= newest) {
      confirmations.take(event, []);
      continue;
    }
    const item = { version: event.version } as HistoryItem; // the rest plays no part
    items.set(event.version, item);
    confirmations.take(event, [item]);
  }
  return new Map([...items].map(([version, { confirmedAt }]) => [version, confirmedAt]));
};

/** The same from the beginning, as `evolve` has it. */
const expected = (steps: readonly Step[]): Map<number, string | undefined> => {
  const events = stream(steps);
  const states = events.map((_event, index) => events.slice(0, index + 1).reduce(evolve, initial));
  const confirmedAt = (from: number): string | undefined => {
    const configId = states[from]?.configId;
    for (let index = from; index < states.length; index += 1) {
      const state = states[index];
      if (state?.configId !== configId) return undefined;
      const { confirmation } = state ?? initial;
      if (confirmation?.configId === configId && confirmation?.rejection === null) return timeAt(index + 1);
    }
    return undefined;
  };
  return new Map(
    events.flatMap((event, index) =>
      event.type === 'DesiredConfigurationChanged' ? [[event.version, confirmedAt(index)] as const] : [],
    ),
  );
};

/** Without what `decide` never answers: that the current document is confirmed, when it is known to be. */
const possible = (steps: readonly Step[]): Step[] => {
  let state = initial;
  return steps.filter((step) => {
    const event = step(timeAt(1));
    const { configId, confirmation } = state;
    const known = confirmation?.configId === configId && confirmation.rejection === null;
    if (event.type === 'ConfigurationApplied' && event.data.configId === configId && known) return false;
    state = evolve(state, event);
    return true;
  });
};

describe('when a change was confirmed', () => {
  it('is when the device first said so while it was current', () => {
    const steps = [
      changed('a'),
      applied('a'),
      changed('b'),
      applied('a'),
      dispatched('b', true),
      applied('b'),
      applied('b'),
    ];
    expect(found(steps)).toEqual(
      new Map([
        [1, timeAt(2)],
        [3, timeAt(6)],
      ]),
    );
  });

  it('is its own time when the device has had that very document all along', () => {
    expect(found([changed('a'), applied('a'), changed('b'), changed('a')]).get(4)).toBe(timeAt(4));
    expect(
      found([changed('a'), applied('a'), changed('b'), dispatched('b', false), changed('a')]).get(5),
    ).toBe(timeAt(5));
  });

  it('is not known of a document that the device may have replaced since', () => {
    expect(
      found([changed('a'), applied('a'), changed('b'), dispatched('b', true), changed('a')]).get(5),
    ).toBe(undefined);
    expect(found([changed('a'), applied('a'), changed('b'), applied('b'), changed('a')]).get(5)).toBe(
      undefined,
    );
  });

  it('is never without a word of the device', () => {
    expect(found([changed('a'), dispatched('a', true), rejected('a'), changed('b')])).toEqual(
      new Map([
        [4, undefined],
        [1, undefined],
      ]),
    );
  });

  it('is what the states say, whatever happens', () => {
    const configId = fc.constantFrom('a', 'b', 'c');
    const step: fc.Arbitrary<Step> = fc.oneof(
      configId.map(changed),
      configId.map(changed),
      configId.map(applied),
      configId.map(rejected),
      fc.tuple(configId, fc.boolean()).map(([id, subscriber]) => dispatched(id, subscriber)),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }).map(possible), fc.nat(14), (steps, newest) => {
        const all = expected(steps);
        const shown = [...all].filter(([version]) => version < newest).reverse();
        expect([...found(steps)]).toEqual([...all].reverse());
        expect([...found(steps, newest)]).toEqual(shown);
      }),
      { numRuns: 1_000 },
    );
  });

  it('begins anew when the document is offered once more', () => {
    expect(found([changed('a'), rejected('a'), reoffered('a'), applied('a')]).get(1)).toBe(timeAt(4));
  });
});
