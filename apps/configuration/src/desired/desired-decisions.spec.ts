import { describe, expect, it } from '@jest/globals';
import { AppError, type JsonObject } from '@muster/contracts';
import type { Reoffer } from './desired-decisions.js';
import { configIdOf } from '../device-configuration/config-id.js';
import {
  configuration,
  operator,
  at,
  now,
  stateAfter,
  change,
  report,
  dispatchOf,
  desired,
  dispatched,
  applied,
  rejected,
  A,
  B,
  a,
} from '../device-configuration/configuration-scenario.fixture.js';
import { initial } from '../device-configuration/configuration-state.js';
import { decide } from '../device-configuration/device-configuration.decider.js';
import { documentOf } from '../device-configuration/documents.js';
import { isDue, isDueAfterChange, syncStateOf } from '../device-configuration/sync-state.js';

describe('ChangeDesired', () => {
  it('records every changed key with both sides, the new configId, the source and the reason', () => {
    configuration
      .given([desired({}, { interval: 10, mode: 'eco' })])
      .when(change({ interval: 20, mode: null, led: true }, { reason: 'winter' }))
      .then([
        {
          type: 'DesiredConfigurationChanged',
          schemaVersion: 2,
          data: {
            changes: {
              interval: { from: 10, to: 20, origin: 'device' },
              mode: { from: 'eco' },
              led: { to: true, origin: 'device' },
            },
            configId: configIdOf({ interval: 20, led: true }),
            source: operator,
            reason: 'winter',
            changedAt: now,
          },
        },
      ]);
  });

  it('merges objects member by member and removes what is null', () => {
    const [event] = decide(
      change({ wifi: { ssid: null, channel: 6 } }),
      stateAfter([desired({}, { wifi: { ssid: 'x', key: { id: 1 } } })]),
    );
    expect(event?.data).toMatchObject({
      changes: { wifi: { from: { ssid: 'x', key: { id: 1 } }, to: { key: { id: 1 }, channel: 6 } } },
    });
  });

  it('removes on replace what is not named', () => {
    const history = [desired({}, { interval: 10, mode: 'eco' })];
    const events = decide(change({ mode: 'eco', led: [1, 'x'] }, { mode: 'replace' }), stateAfter(history));
    expect(events[0]?.data).toMatchObject({ changes: { interval: { from: 10 }, led: { to: [1, 'x'] } } });
    expect(documentOf(stateAfter([...history, ...events]))).toEqual({ mode: 'eco', led: [1, 'x'] });
  });

  it('does nothing when the same values are wanted again', () => {
    configuration
      .given([desired({}, { wifi: { a: 1, b: 2 } })])
      .when(change({ wifi: { b: 2, a: 1 } }))
      .then([]);
  });

  it('does nothing when an absent key is removed', () => {
    configuration
      .given([])
      .when(change({ interval: null }))
      .then([]);
  });

  it('leaves a document without keys when the last one is removed, which is sent and confirmed as any other', () => {
    const history = [desired({}, A), dispatched(a), applied(a), desired(A, {}, 4)];
    const state = stateAfter(history);
    expect([state.configId, state.version, isDue(state)]).toEqual([configIdOf({}), 4, true]);
    const confirmed = decide(report(configIdOf({}), 200), {
      ...state,
      reported: { interval: { value: 10, at: now } },
    });
    expect(confirmed.map(({ data }) => data)).toMatchObject([
      { configId: configIdOf({}) },
      { changes: { interval: { from: 10 } } },
    ]);
    expect(isDue(stateAfter([...history, ...confirmed]))).toBe(false);
  });

  it('has the old configId again after a revert', () => {
    expect(stateAfter([desired({}, A), desired(A, B), desired(B, A)]).configId).toBe(a);
  });

  it('counts as version the event that changed desired values, not those after it', () => {
    const state = stateAfter([desired({}, A), dispatched(a), applied(a)]);
    expect([state.version, state.streamVersion]).toEqual([1, 3]);
  });

  it('accepts the expected version', () => {
    const events = decide(change(B, { expectedVersion: 1 }), stateAfter([desired({}, A), dispatched(a)]));
    expect(events).toHaveLength(1);
  });

  it('refuses another version than the expected one', () => {
    configuration
      .given([desired({}, A), desired(A, B)])
      .when(change(A, { expectedVersion: 1 }))
      .thenThrows('version-mismatch');
    configuration
      .given([desired({}, A)])
      .when(change(B, { expectedVersion: 0 }))
      .thenThrows('version-mismatch');
  });

  it('answers a repeated change whose answer got lost, although its version has passed', () => {
    configuration
      .given([desired({}, A), desired(A, B)])
      .when(change(B, { expectedVersion: 1 }))
      .then([]);
  });

  it.each([
    '',
    'a b',
    'a\tb',
    'a#b',
    '$a',
    'a.b',
    'status',
    'error',
    'x'.repeat(256),
    'a\0',
    'a\u0007',
    'a\u202eb',
    '\u200ea',
    '\ud800',
  ])('refuses the key %j', (key) =>
    configuration
      .given([])
      .when(change({ [key]: 1 }))
      .thenThrows('invalid-configuration'),
  );

  it.each(['a', 'x'.repeat(255), 'constructor', 'toString', 'größe', 'a/b', '0'])(
    'accepts the key %j',
    (key) => {
      const events = decide(change({ [key]: 1 }), initial);
      expect(documentOf(stateAfter(events))).toEqual({ [key]: 1 });
    },
  );

  it('keeps a key named __proto__ as data', () => {
    const events = decide(change(JSON.parse('{"__proto__":1}') as JsonObject), initial);
    expect(JSON.stringify(documentOf(stateAfter(events)))).toBe('{"__proto__":1}');
    expect(decide(change(JSON.parse('{"__proto__":1}') as JsonObject), stateAfter(events))).toEqual([]);
  });

  it.each([
    ['U+0000', 'a\0b'],
    ['half of a surrogate pair', { deep: ['\udc00'] }],
    ['half of a pair in an inner key', { '\ud800': 1 }],
    ['a number that JSON cannot say', Number.POSITIVE_INFINITY],
    ['nesting without end', JSON.parse('['.repeat(40) + ']'.repeat(40)) as never],
  ])('refuses a value with %s', (_what, value) => {
    configuration
      .given([])
      .when(change({ key: value }))
      .thenThrows('invalid-configuration');
  });

  it('names every fault with its path', () => {
    expect.assertions(1);
    try {
      decide(change({ 'a b': 1, status: 2, fine: 3 }), initial);
    } catch (error) {
      expect(error instanceof AppError && error.errors?.map(({ path }) => path)).toEqual([
        'desired.a b',
        'desired.status',
      ]);
    }
  });

  it('refuses a value, a document or a number of keys over the limit, and takes what is just below', () => {
    const text = (bytes: number) => 'é'.repeat((bytes - 2) / 2); // two bytes each, two quotes
    expect(decide(change({ k: text(8_192) }), initial)).toHaveLength(1);
    configuration
      .given([])
      .when(change({ k: text(8_194) }))
      .thenThrows('configuration-too-large');

    const five = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`k${n}`, text(8_000)]));
    configuration.given([]).when(change(five)).thenThrows('configuration-too-large');

    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));
    expect(decide(change(many(500)), initial)).toHaveLength(1);
    configuration
      .given([])
      .when(change(many(501)))
      .thenThrows('configuration-too-large');
    configuration
      .given([desired({}, many(500))])
      .when(change({ one: 1 }))
      .thenThrows('configuration-too-large');
  });

  it('forgets a refusal, so that the document is offered again when somebody comes back to it', () => {
    const state = stateAfter([desired({}, A), dispatched(a), rejected(a), desired(A, B), desired(B, A)]);
    expect(state.confirmation).toBeNull();
  });

  it('keeps a confirmation over a change that is taken back before it was sent', () => {
    const state = stateAfter([desired({}, A), dispatched(a), applied(a), desired(A, B), desired(B, A)]);
    expect(state.confirmation).toMatchObject({ configId: a, rejection: null });
  });
});

describe('Reoffer', () => {
  const again = (more: Partial<Reoffer> = {}): Reoffer => ({
    type: 'Reoffer',
    source: operator,
    at: at(20),
    ...more,
  });
  const refused = [desired({}, A), dispatched(a), rejected(a)];

  it('forgets a refusal, so that the document is due and its dispatch is recorded again', () => {
    configuration
      .given(refused)
      .when(again({ reason: 'repaired' }))
      .then([
        {
          type: 'ConfigurationReoffered',
          data: { configId: a, source: operator, reason: 'repaired', reofferedAt: at(20) },
        },
      ]);
    const history = [...refused, ...decide(again(), stateAfter(refused))];
    expect(isDueAfterChange(stateAfter(history))).toBe(true);
    expect(syncStateOf(stateAfter(history), new Date(at(21)), 60_000)).toBe('pending');
    const sent = [...history, ...decide(dispatchOf(a), stateAfter(history))];
    expect(sent).toHaveLength(history.length + 1);
    expect(syncStateOf(stateAfter(sent), new Date(now), 60_000)).toBe('dispatched');
    expect(stateAfter([...sent, ...decide(report(a, 400), stateAfter(sent))]).confirmation).not.toBeNull();
  });

  it('offers a document again that the device was sent and never confirmed', () => {
    expect(decide(again(), stateAfter([desired({}, A), dispatched(a)]))).toHaveLength(1);
  });

  it('does nothing for a document that is on offer, applied, or none', () => {
    configuration.given([]).when(again()).then([]);
    configuration
      .given([desired({}, A)])
      .when(again())
      .then([]);
    configuration
      .given([desired({}, A), dispatched(a, 2, false)])
      .when(again())
      .then([]);
    configuration
      .given([desired({}, A), dispatched(a), applied(a)])
      .when(again())
      .then([]);
  });

  it('does nothing more when it is said twice', () => {
    configuration
      .given([...refused, ...decide(again(), stateAfter(refused))])
      .when(again())
      .then([]);
  });

  it('because of new software only meets a refusal from before it', () => {
    expect(decide(again({ rejectedBefore: at(10) }), stateAfter(refused))).toHaveLength(1);
    configuration
      .given(refused)
      .when(again({ rejectedBefore: at(3) }))
      .then([]);
    configuration
      .given([desired({}, A), dispatched(a)])
      .when(again({ rejectedBefore: at(10) }))
      .then([]);
  });

  it('refuses another version than the expected one', () => {
    configuration
      .given(refused)
      .when(again({ expectedVersion: 7 }))
      .thenThrows('version-mismatch');
  });

  it('is not undone by the report of a dispatch from before it', () => {
    const history = [...refused, ...decide(again(), stateAfter(refused))];
    configuration
      .given(history)
      .when(dispatchOf(a, { at: at(19) }))
      .then([]);
  });
});
