import { describe, expect, it } from '@jest/globals';
import { configIdOf } from '../device-configuration/config-id.js';
import {
  configuration,
  limits,
  at,
  now,
  stateAfter,
  fetch,
  report,
  dispatchOf,
  stateReport,
  desired,
  dispatched,
  applied,
  rejected,
  A,
  B,
  a,
  b,
} from '../device-configuration/configuration-scenario.fixture.js';
import { initial } from '../device-configuration/configuration-state.js';
import { decide, evolve } from '../device-configuration/device-configuration.decider.js';
import type {
  ConfigurationEvent,
  StateReported,
} from '../device-configuration/device-configuration.events.js';
import { isDue, isDueAfterChange, isRefused, isSuperseded } from '../device-configuration/sync-state.js';

describe('FetchDocument', () => {
  it('records that the document was given away', () => {
    configuration
      .given([desired({}, A)])
      .when(fetch())
      .then([
        {
          type: 'ConfigurationDispatched',
          data: { configId: a, interface: 'http', subscriber: true, dispatchedAt: now },
        },
      ]);
  });

  it('records nothing when the same document is fetched again', () => {
    configuration
      .given([desired({}, A), dispatched(a)])
      .when(fetch())
      .then([]);
  });

  it('takes naming the current document as its confirmation, and as a report of its values', () => {
    configuration
      .given([desired({}, A), dispatched(a)])
      .when(fetch({ configId: a }))
      .then([
        {
          type: 'ConfigurationApplied',
          data: { configId: a, interface: 'http', implicit: true, appliedAt: now },
        },
        {
          type: 'StateReported',
          schemaVersion: 2,
          data: {
            changes: { interval: { to: 10 } },
            stated: false,
            configId: a,
            interface: 'http',
            reportedAt: now,
          },
        },
      ]);
  });

  it('leaves a refusal as it is, whether the device names the document or asks for it', () => {
    const history = [desired({}, A), dispatched(a), rejected(a)];
    for (const asked of [{}, { configId: a }, { configId: 'older' }]) {
      configuration.given(history).when(fetch(asked)).then([]);
    }
    expect(isRefused(stateAfter(history))).toBe(true);
    expect(isRefused(stateAfter([...history, desired(A, B), desired(B, A)]))).toBe(false);
  });

  it('records nothing for a device that was never configured', () => {
    configuration.given([]).when(fetch()).then([]);
    configuration
      .given([])
      .when(fetch({ configId: '' }))
      .then([]);
    configuration
      .given([])
      .when(fetch({ configId: 'made-up' }))
      .then([]);
  });

  it('does not take another document for a confirmation', () => {
    const events = decide(fetch({ configId: b }), stateAfter([desired({}, A)]));
    expect(events.map(({ type }) => type)).toEqual(['ConfigurationDispatched']);
  });

  it('remembers the wish to be sent changes, once', () => {
    configuration
      .given([])
      .when(fetch({ observe: false }))
      .then([{ type: 'ObservationChanged', data: { observe: false, interface: 'http', changedAt: now } }]);
  });

  it('keeps the wish when a later request does not name it', () => {
    const state = stateAfter([...decide(fetch({ observe: false }), initial), ...decide(fetch(), initial)]);
    expect(state.observe).toBe(false);
    expect(initial.observe).toBeNull();
  });
});

describe('ReportApplied', () => {
  it('records the confirmation and the values that the device now has', () => {
    const history = [
      desired({}, A),
      dispatched(a),
      applied(a),
      desired(A, { led: true }),
      dispatched(configIdOf({ led: true }), 4),
    ];
    const reportedBefore: ConfigurationEvent = {
      type: 'StateReported',
      schemaVersion: 2,
      data: {
        changes: { interval: { to: 10 } },
        stated: false,
        configId: a,
        interface: 'mqtt',
        reportedAt: at(3),
      },
    };
    configuration
      .given([...history, reportedBefore])
      .when(report(configIdOf({ led: true }), 204))
      .then([
        {
          type: 'ConfigurationApplied',
          data: { configId: configIdOf({ led: true }), interface: 'mqtt', implicit: false, appliedAt: now },
        },
        {
          type: 'StateReported',
          schemaVersion: 2,
          data: {
            changes: { interval: { from: 10 }, led: { to: true } },
            stated: false,
            configId: configIdOf({ led: true }),
            interface: 'mqtt',
            reportedAt: now,
          },
        },
      ]);
  });

  it.each([199, 300, 400, 500])('records %i as a refusal with its reason', (statusCode) => {
    configuration
      .given([desired({}, A), dispatched(a)])
      .when(report(a, statusCode, { reasonPhrase: 'too fast' }))
      .then([
        {
          type: 'ConfigurationRejected',
          data: { configId: a, interface: 'mqtt', statusCode, reasonPhrase: 'too fast', rejectedAt: now },
        },
      ]);
  });

  it('lets the last word count', () => {
    const history = [desired({}, A), dispatched(a), rejected(a)];
    const events = decide(report(a, 200), stateAfter(history));
    expect(stateAfter([...history, ...events]).confirmation?.rejection).toBeNull();
    expect(decide(report(a, 400), stateAfter([...history, ...events]))).toHaveLength(1);
  });

  it('records a report on an older document, and leaves the current one alone', () => {
    const history = [desired({}, A), dispatched(a), desired(A, B), dispatched(b, 4)];
    configuration
      .given(history)
      .when(report(a, 200))
      .then([
        {
          type: 'ConfigurationApplied',
          data: { configId: a, interface: 'mqtt', implicit: false, appliedAt: now },
        },
      ]);
    const after = stateAfter([...history, ...decide(report(a, 200), stateAfter(history))]);
    expect([after.confirmation, after.reported]).toEqual([null, {}]);
  });

  it('records a report on a document that never was, likewise', () => {
    const history = [desired({}, A), dispatched(a), applied(a)];
    const events = decide(report('never', 500), stateAfter(history));
    expect(events.map(({ type }) => type)).toEqual(['ConfigurationRejected']);
    expect(stateAfter([...history, ...events]).confirmation).toMatchObject({ configId: a, rejection: null });
  });

  it('knows a repeated report on a document that was replaced since', () => {
    configuration
      .given([desired({}, A), dispatched(a), applied(a), desired(A, B)])
      .when(report(a, 200))
      .then([]);
    configuration
      .given([desired({}, A), dispatched(a), rejected(a), desired(A, B)])
      .when(report(a, 400, { reasonPhrase: 'no' }))
      .then([]);
  });

  it('counts the same confirmation again when the device was sent another document in between', () => {
    const history = [
      ...[desired({}, A), dispatched(a, 2), applied(a, 3)],
      ...[desired(A, B, 4), dispatched(b, 5), desired(B, A, 6), dispatched(a, 7)],
    ];
    expect(stateAfter(history).confirmation).toBeNull();
    const events = decide(report(a, 200), stateAfter(history));
    expect(events.map(({ type }) => type)).toEqual(['ConfigurationApplied', 'StateReported']);
  });

  it('replaces what cannot be stored in the text of a device instead of refusing the report', () => {
    const events = decide(report(a, 400, { reasonPhrase: 'a\0b\ud800' }), stateAfter([desired({}, A)]));
    expect(events[0]?.data).toMatchObject({ reasonPhrase: 'a\ufffdb\ufffd' });
    expect(decide(report('x\0', 200), initial)[0]?.data).toMatchObject({ configId: 'x\ufffd' });
    configuration
      .given(decide(report('x\0', 200), initial))
      .when(report('x\0', 200))
      .then([]);
  });
});

describe('RecordDispatched', () => {
  it('of an older document than is current leaves the device due: what was sent before is not what it has now', () => {
    const history = [desired({}, A), dispatched(a, 2), desired(A, B, 3), dispatched(b, 4)];
    configuration
      .given(history)
      .when(dispatchOf(a, { at: at(5) }))
      .then([dispatched(a, 5)]);
    // Two of the same millisecond: which of them was last on the wire is not known, so the worse is taken for true.
    configuration
      .given(history)
      .when(dispatchOf(a, { at: at(4) }))
      .then([dispatched(a, 4)]);
    const late = [...history, dispatched(a, 5)].reduce(evolve, initial);
    expect([isSuperseded(late), isDueAfterChange(late)]).toEqual([true, true]);
    expect(isSuperseded([...history, dispatched(a, 5), dispatched(b, 6)].reduce(evolve, initial))).toBe(
      false,
    );
    expect(isSuperseded([...history, dispatched(a, 5, false)].reduce(evolve, initial))).toBe(false);
  });

  it('records a dispatch with whether somebody took it', () => {
    configuration
      .given([desired({}, A)])
      .when(dispatchOf(a, { subscriber: false, at: at(5) }))
      .then([dispatched(a, 5, false)]);
  });

  it('records the next try when somebody is there at last, once', () => {
    configuration
      .given([desired({}, A), dispatched(a, 2, false)])
      .when(dispatchOf(a, { at: at(5) }))
      .then([dispatched(a, 5)]);
    configuration
      .given([desired({}, A), dispatched(a, 2)])
      .when(dispatchOf(a, { at: at(5) }))
      .then([]);
  });

  it('remembers that the document reached the device although a later try did not', () => {
    const state = stateAfter([desired({}, A), dispatched(a, 2), dispatched(a, 5, false)]);
    expect(state.dispatched).toMatchObject({ subscriber: false, reachedAt: at(2) });
  });

  it('ignores a report that is older than what is known', () => {
    configuration
      .given([desired({}, A), desired(A, B), dispatched(b, 5), applied(b, 6)])
      .when(dispatchOf(a, { at: at(4) }))
      .then([]);
  });

  it.each([
    ['confirmed', applied(b, 7)],
    ['refused', rejected(b, 7)],
  ])(
    'that its device has %s already leaves that standing, though an older one is told of in between',
    (_word, said) => {
      // On the wire at 4 and 5, told of in this order when the device has long answered the second.
      const history = [desired({}, A), desired(A, B), said, dispatched(a, 4)];
      expect(stateAfter(history).confirmation).toBeNull();
      configuration
        .given(history)
        .when(dispatchOf(b, { at: at(5) }))
        .then([dispatched(b, 5), said]);
      const after = stateAfter([...history, dispatched(b, 5), said]);
      expect([after.confirmation?.configId, after.doubted, isDue(after)]).toEqual([b, null, false]);
    },
  );

  it.each([
    ['was answered before it was sent', [applied(b, 5), dispatched(a, 6)], dispatchOf(b, { at: at(7) })],
    ['reached nobody', [applied(b, 7), dispatched(a, 4)], dispatchOf(b, { at: at(5), subscriber: false })],
    ['is yet another one', [applied(b, 7), dispatched(a, 4)], dispatchOf('another', { at: at(5) })],
    [
      'was changed since',
      [applied(b, 7), dispatched(a, 4), desired(B, { interval: 30 }), desired({ interval: 30 }, B)],
      dispatchOf(b, { at: at(5) }),
    ],
  ])('takes no word for granted of a document that %s', (_what, since, command) => {
    const events = decide(command, stateAfter([desired({}, A), desired(A, B), ...since]));
    expect(events.map(({ type }) => type)).toEqual(['ConfigurationDispatched']);
  });

  it('takes back a confirmation when the device was sent another document', () => {
    const history = [
      desired({}, A),
      dispatched(a, 2),
      applied(a, 3),
      desired(A, B),
      dispatched(b, 5),
      desired(B, A),
    ];
    expect(stateAfter(history).confirmation).toBeNull();
  });

  it('keeps the confirmation when nobody took the other document', () => {
    const history = [
      desired({}, A),
      dispatched(a, 2),
      applied(a, 3),
      desired(A, B),
      dispatched(b, 5, false),
      desired(B, A),
    ];
    expect(stateAfter(history).confirmation).toMatchObject({ configId: a });
  });
});

describe('ReportState', () => {
  const reported = (changes: StateReported['data']['changes'], configId = '', second = 4): StateReported => ({
    type: 'StateReported',
    schemaVersion: 2,
    data: { changes, stated: true, configId, interface: 'mqtt', reportedAt: at(second) },
  });

  it('merges what the device says into what is known, member by member; null removes', () => {
    configuration
      .given([reported({ mode: { to: 'eco' }, wifi: { to: { ssid: 'x', rssi: -60 } }, led: { to: true } })])
      .when(stateReport({ wifi: { rssi: -70 }, led: null, fan: 2 }))
      .then([
        {
          type: 'StateReported',
          schemaVersion: 2,
          data: {
            stated: true,
            changes: {
              wifi: { from: { ssid: 'x', rssi: -60 }, to: { ssid: 'x', rssi: -70 } },
              led: { from: true },
              fan: { to: 2 },
            },
            configId: '',
            interface: 'mqtt',
            reportedAt: now,
          },
        },
      ]);
  });

  it('does nothing when all of it is known, or nothing is said', () => {
    configuration
      .given([reported({ mode: { to: 'eco' } })])
      .when(stateReport({ mode: 'eco', led: null }))
      .then([]);
    configuration.given([]).when(stateReport({})).then([]);
  });

  it('tells once more what is known, when the device says it for the first time since it was sent a document', () => {
    const history = [reported({ mode: { to: 'eco' } }, '', 1), desired({}, A, 2), dispatched(a, 3)];
    const again = reported({ mode: { from: 'eco', to: 'eco' } }, a, 30);
    configuration
      .given(history)
      .when(stateReport({ mode: 'eco' }))
      .then([again]);
    configuration
      .given([...history, again])
      .when(stateReport({ mode: 'eco' }))
      .then([]);
    expect(stateAfter([...history, again]).reported).toEqual({
      mode: { value: 'eco', at: at(1), statedAt: at(30) },
    });
  });

  it('does not take what was applied for stated', () => {
    const sent = [desired({}, A), dispatched(a)];
    const history = [...sent, ...decide(report(a, 200), stateAfter(sent))];
    expect(stateAfter(history).reported).toEqual({ interval: { value: 10, at: now } });
    configuration
      .given(history)
      .when(stateReport({ interval: 10 }))
      .then([reported({ interval: { from: 10, to: 10 } }, a, 30)]);
  });

  it('confirms nothing, and survives that the device confirms once more', () => {
    const history = [desired({}, A), applied(a), reported({ interval: { from: 10, to: 12 } }, a)];
    expect(stateAfter(history)).toMatchObject({
      confirmation: { configId: a },
      reported: { interval: { value: 12 } },
    });
    configuration.given(history).when(report(a, 200)).then([]);
    configuration
      .given(history)
      .when(fetch({ configId: a }))
      .then([]);
  });

  it.each([
    ['a key with a dot', { 'a.b': 1 }, 'invalid-configuration'],
    ['a reserved key', { status: 1 }, 'invalid-configuration'],
    ['a character that cannot be stored', { a: '\0' }, 'invalid-configuration'],
    ['a value that is too large', { a: 'x'.repeat(9_000) }, 'configuration-too-large'],
  ])('refuses %s', (_what, values, code) => {
    configuration.given([]).when(stateReport(values)).thenThrows(code);
  });

  it('refuses what would be too much with what is known already, but lets things be removed', () => {
    const history = [reported({ a: { to: 1 }, b: { to: 2 } })];
    const tight = { ...limits, keys: 2 };
    configuration
      .given(history)
      .when(stateReport({ c: 3 }, { limits: tight }))
      .thenThrows('configuration-too-large');
    configuration
      .given(history)
      .when(stateReport({ a: null, c: 3 }, { limits: tight }))
      .then([reported({ a: { from: 1 }, c: { to: 3 } }, '', 30)]);
  });
});

describe('what was sent since the last change', () => {
  const sentAfter = (...history: ConfigurationEvent[]) => stateAfter(history).sentSinceChange;

  it('is the current document, taken by somebody', () => {
    expect(sentAfter(desired({}, A))).toBe(false);
    expect(sentAfter(desired({}, A), dispatched(a, 2, false))).toBe(false);
    expect(sentAfter(desired({}, A), dispatched(b))).toBe(false);
    expect(sentAfter(desired({}, A), dispatched(a))).toBe(true);
  });

  it('is forgotten by the next change, even one that comes back to it', () => {
    expect(sentAfter(desired({}, A), dispatched(a), desired(A, B))).toBe(false);
    expect(sentAfter(desired({}, A), dispatched(a), desired(A, B), desired(B, A))).toBe(false);
  });
});
