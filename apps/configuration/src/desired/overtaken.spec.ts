import { describe, expect, it } from '@jest/globals';
import type { Actor, JsonObject } from '@muster/contracts';
import { scenario } from '@muster/testing';
import { initial } from '../device-configuration/configuration-state.js';
import { decide, evolve } from '../device-configuration/device-configuration.decider.js';
import type { ConfigurationEvent } from '../device-configuration/device-configuration.events.js';
import type { ChangeDesired } from './desired-decisions.js';
import type { Effective, Rules } from './desired-values.js';

const configuration = scenario({ initial, evolve, decide });
const anna: Actor = { kind: 'user', id: 'anna' };
const campaign: Actor = { kind: 'campaign', id: 'c1' };
const limits = { documentBytes: 32_768, valueBytes: 8_192, keys: 500 };
const rules: Rules = { limits, interface: 'mqtt', defaults: new Map(), faultsOf: () => [] };
const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

const change = (
  second: number,
  source: Actor,
  desired: JsonObject,
  more: Partial<ChangeDesired> = {},
): ChangeDesired => ({ type: 'ChangeDesired', mode: 'set', desired, source, rules, at: at(second), ...more });

/** What these changes leave in the stream. */
const after = (...changes: readonly ChangeDesired[]): ConfigurationEvent[] => {
  const events: ConfigurationEvent[] = [];
  for (const one of changes) events.push(...decide(one, events.reduce(evolve, initial)));
  return events;
};
const desiredAfter = (...changes: readonly ChangeDesired[]) => {
  const { desired } = after(...changes).reduce(evolve, initial);
  return Object.fromEntries(Object.entries(desired).map(([key, { value }]) => [key, value]));
};

describe('a change that sets', () => {
  it('gives each key that it names exactly its value, and leaves the others', () => {
    const before = change(1, anna, { wifi: { ssid: 'x', key: 'y' }, led: true });
    expect(desiredAfter(before, change(2, campaign, { wifi: { ssid: 'z' } }))).toEqual({
      wifi: { ssid: 'z' },
      led: true,
    });
    expect(desiredAfter(before, change(2, campaign, { led: null }))).toEqual({
      wifi: { ssid: 'x', key: 'y' },
    });
  });
});

describe('a change that gives way to later wishes', () => {
  const since = { unlessChangedSince: at(5) };

  it('is refused where somebody else gave the key a value, or took it away, after that time', () => {
    for (const later of [
      [change(6, anna, { fan: 2 })],
      [change(1, anna, { fan: 2 }), change(6, anna, { fan: null })],
    ]) {
      configuration
        .given(after(...later))
        .when(change(9, campaign, { fan: 1 }, since))
        .thenThrows('desired-changed');
    }
  });

  it('is made where that was before, was another key, was the same wish, or was its own', () => {
    for (const earlier of [
      change(5, anna, { fan: 2 }),
      change(6, anna, { led: true }),
      change(6, campaign, { fan: 2 }),
    ])
      expect(desiredAfter(earlier, change(9, campaign, { fan: 1 }, since))).toMatchObject({ fan: 1 });
    configuration
      .given(after(change(6, anna, { fan: 1 })))
      .when(change(9, campaign, { fan: 1 }, since))
      .then([]);
  });

  it('does not give way to a default, which is nobody’s wish for this device', () => {
    const byDefault: Effective = { value: 7, origin: 'device-type' };
    const withDefault = { ...rules, defaults: new Map([['fan', byDefault]]) };
    const came = decide(
      { type: 'ApplyDefaults', source: { kind: 'default', id: 't1' }, rules: withDefault, at: at(6) },
      initial,
    );
    const [event] = decide(
      change(9, campaign, { fan: 1 }, { ...since, rules: withDefault }),
      came.reduce(evolve, initial),
    );
    expect(event?.data).toMatchObject({ changes: { fan: { from: 7, to: 1 } } });
  });

  it('writes over whom it is told to, and nobody else', () => {
    const other: Actor = { kind: 'campaign', id: 'c0' };
    const overruling = { ...since, overruled: [other] };
    expect(
      desiredAfter(change(6, other, { fan: 2 }), change(9, campaign, { fan: 1 }, overruling)),
    ).toMatchObject({ fan: 1 });
    configuration
      .given(after(change(6, other, { fan: 2 }), change(7, anna, { fan: 3 })))
      .when(change(9, campaign, { fan: 1 }, overruling))
      .thenThrows('desired-changed');
  });

  it('knows of 64 keys without a value who took them away, the latest', () => {
    const keys = Array.from({ length: 70 }, (_none, nth) => `k${nth}`);
    const events = after(
      change(1, anna, Object.fromEntries(keys.map((key) => [key, 1]))),
      ...keys.map((key, nth) => change(2 + nth, anna, { [key]: null })),
    );
    const { withdrawn } = events.reduce(evolve, initial);
    expect(Object.keys(withdrawn)).toEqual(keys.slice(-64));
    const again = after(
      change(1, anna, { fan: 1 }),
      change(2, anna, { fan: null }),
      change(3, anna, { fan: 2 }),
    );
    expect(again.reduce(evolve, initial).withdrawn).toEqual({});
  });
});

describe('a change of what somebody left', () => {
  const own = { onlyWhereBy: campaign };

  it('touches only keys that are as that one left them', () => {
    const left = [change(1, campaign, { fan: 1, led: true }), change(2, anna, { led: false })];
    expect(desiredAfter(...left, change(3, anna, { fan: 5, led: true }, own))).toEqual({
      fan: 5,
      led: false,
    });
    const took = [change(1, anna, { fan: 1 }), change(2, campaign, { fan: null })];
    expect(desiredAfter(...took, change(3, anna, { fan: 1 }, own))).toEqual({ fan: 1 });
  });

  it('is refused where none of them is', () => {
    configuration
      .given(after(change(1, campaign, { fan: 1 }), change(2, anna, { fan: 2 })))
      .when(change(3, anna, { fan: 0 }, own))
      .thenThrows('desired-changed');
  });
});
