import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AppError, type JsonObject, type JsonValue } from '@muster/contracts';
import { scenario } from '@muster/testing';
import type { ApplyDefaults, ChangeDesired, Reoffer } from '../desired/desired-decisions.js';
import type { Effective, Rules } from '../desired/desired-values.js';
import type {
  FetchDocument,
  RecordDispatched,
  ReportApplied,
  ReportState,
} from '../reports/report-decisions.js';
import { configIdOf } from './config-id.js';
import { initial } from './configuration-state.js';
import { decide, evolve } from './device-configuration.decider.js';
import type { ConfigurationEvent, StateReported } from './device-configuration.events.js';
import { documentOf } from './documents.js';
import { isDue, isDueAfterChange, isRefused, isSuperseded, syncStateOf } from './sync-state.js';

const configuration = scenario({ initial, evolve, decide });
const operator = { kind: 'user', id: 'anna' } as const;
const limits = { documentBytes: 32_768, valueBytes: 8_192, keys: 500 };
const rules: Rules = { limits, defaults: new Map(), faultsOf: () => [] };
/** Key → value of the type; those of the app version take their place. */
const inForce = (ofType: JsonObject, ofVersion: JsonObject = {}): Rules => ({
  ...rules,
  defaults: new Map<string, Effective>([
    ...Object.entries(ofType).map(
      ([key, value]) => [key, { value, origin: 'device-type' as const }] as const,
    ),
    ...Object.entries(ofVersion).map(
      ([key, value]) => [key, { value, origin: 'app-version' as const }] as const,
    ),
  ]),
});
const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const now = at(30);

const stateAfter = (history: readonly ConfigurationEvent[]) => history.reduce(evolve, initial);

const change = (desired: JsonObject, more: Partial<ChangeDesired> = {}): ChangeDesired => ({
  type: 'ChangeDesired',
  mode: 'merge',
  desired,
  source: operator,
  rules,
  at: now,
  ...more,
});
const applyDefaults = (inForceNow: Rules): ApplyDefaults => ({
  type: 'ApplyDefaults',
  source: { kind: 'default', id: 'thermostat' },
  rules: inForceNow,
  at: now,
});
const fetch = (more: Partial<FetchDocument> = {}): FetchDocument => ({
  type: 'FetchDocument',
  interface: 'http',
  at: now,
  ...more,
});
const report = (configId: string, statusCode: number, more: Partial<ReportApplied> = {}): ReportApplied => ({
  type: 'ReportApplied',
  interface: 'mqtt',
  configId,
  statusCode,
  at: now,
  ...more,
});
const dispatchOf = (configId: string, more: Partial<RecordDispatched> = {}): RecordDispatched => ({
  type: 'RecordDispatched',
  interface: 'mqtt',
  configId,
  subscriber: true,
  at: now,
  ...more,
});

const stateReport = (reported: JsonObject, more: Partial<ReportState> = {}): ReportState => ({
  type: 'ReportState',
  interface: 'mqtt',
  reported,
  limits,
  at: now,
  ...more,
});

/** What a change of the whole document leaves in the stream. */
const desired = (before: JsonObject, after: JsonObject, second = 1): ConfigurationEvent => {
  const [event] = decide(
    change(after, { mode: 'replace', at: at(second) }),
    stateAfter(Object.keys(before).length === 0 ? [] : decide(change(before, { mode: 'replace' }), initial)),
  );
  if (event === undefined) throw new Error('these documents do not differ');
  return event;
};
const dispatched = (configId: string, second = 2, subscriber = true): ConfigurationEvent => ({
  type: 'ConfigurationDispatched',
  data: { configId, interface: 'mqtt', subscriber, dispatchedAt: at(second) },
});
const applied = (configId: string, second = 3): ConfigurationEvent => ({
  type: 'ConfigurationApplied',
  data: { configId, interface: 'mqtt', implicit: false, appliedAt: at(second) },
});
const rejected = (configId: string, second = 3): ConfigurationEvent => ({
  type: 'ConfigurationRejected',
  data: { configId, interface: 'mqtt', statusCode: 400, reasonPhrase: 'no', rejectedAt: at(second) },
});

const A = { interval: 10 };
const B = { interval: 20 };
const a = configIdOf(A);
const b = configIdOf(B);

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

describe('ChangeDesired over defaults', () => {
  const defaults = inForce({ interval: 60, wifi: { ssid: 'factory', channel: 1 } }, { interval: 30 });
  const given = decide(applyDefaults(defaults), initial);
  const changed = (desired: JsonObject, more: Partial<ChangeDesired> = {}, history = given) =>
    decide(change(desired, { rules: defaults, ...more }), stateAfter(history)).map(({ data }) => data);

  it("makes a value the device's own, also one that is equal to its default", () => {
    expect(changed({ interval: 30 })).toMatchObject([
      { changes: { interval: { from: 30, to: 30, origin: 'device' } }, configId: stateAfter(given).configId },
    ]);
    const history = [...given, ...decide(change({ interval: 30 }, { rules: defaults }), stateAfter(given))];
    expect(changed({ interval: 30 }, {}, history)).toEqual([]);
  });

  it('lets the default in again where null takes the own value back, and only there', () => {
    const own = [...given, ...decide(change({ interval: 5, led: true }), stateAfter(given))];
    expect(changed({ interval: null, led: null, wifi: null }, {}, own)).toMatchObject([
      { changes: { interval: { from: 5, to: 30, origin: 'app-version' }, led: { from: true } } },
    ]);
    expect(changed({ interval: null })).toEqual([]);
  });

  it('merges an object into the value in effect', () => {
    expect(changed({ wifi: { ssid: 'site', channel: null } })).toMatchObject([
      {
        changes: { wifi: { from: { ssid: 'factory', channel: 1 }, to: { ssid: 'site' }, origin: 'device' } },
      },
    ]);
  });

  it('replaces only own values', () => {
    const own = [...given, ...decide(change({ interval: 5, led: true }), stateAfter(given))];
    expect(changed({ mode: 'eco' }, { mode: 'replace' }, own)).toMatchObject([
      {
        changes: {
          interval: { to: 30, origin: 'app-version' },
          led: { from: true },
          mode: { to: 'eco', origin: 'device' },
        },
      },
    ]);
    expect(changed({}, { mode: 'replace' })).toEqual([]);
  });

  it('keeps what the device was sent and said when only whose value it is changes', () => {
    const { configId } = stateAfter(given);
    for (const said of [applied(configId), rejected(configId)]) {
      const before = [...given, dispatched(configId), said];
      const own = decide(change({ interval: 30 }), stateAfter(before));
      const [was, is] = [stateAfter(before), stateAfter([...before, ...own])];
      expect(own).toHaveLength(1);
      expect(is).toMatchObject({ confirmation: was.confirmation, sentSinceChange: true, configId });
      expect(is.version).toBe(4);
    }
  });

  it('checks what it changes against the rules of the type, and nothing else', () => {
    const strict: Rules = {
      ...rules,
      faultsOf: (key) => (key === 'fine' ? [] : [{ path: `${key}.channel`, message: 'must be integer' }]),
    };
    const history = [desired({}, { old: 1 })];
    expect(decide(change({ fine: 1 }, { rules: strict }), stateAfter(history))).toHaveLength(1);
    expect.assertions(2);
    try {
      decide(change({ fine: 1, wifi: { channel: 'x' } }, { rules: strict }), stateAfter(history));
    } catch (error) {
      expect(error).toMatchObject({
        code: 'invalid-configuration',
        detail: 'desired.wifi.channel must be integer',
        errors: [{ path: 'desired.wifi.channel', message: 'must be integer' }],
      });
    }
  });
});

describe('ApplyDefaults', () => {
  it('sets what is new, changes what is another, removes what is gone, and names the source', () => {
    const history = decide(applyDefaults(inForce({ a: 1, b: 2 })), initial);
    configuration
      .given(history)
      .when(applyDefaults(inForce({ a: 1, c: 3 }, { a: 9 })))
      .then([
        {
          type: 'DesiredConfigurationChanged',
          schemaVersion: 2,
          data: {
            changes: {
              a: { from: 1, to: 9, origin: 'app-version' },
              c: { to: 3, origin: 'device-type' },
              b: { from: 2 },
            },
            configId: configIdOf({ a: 9, c: 3 }),
            source: { kind: 'default', id: 'thermostat' },
            changedAt: now,
          },
        },
      ]);
  });

  it('does nothing where the device has its own values', () => {
    configuration
      .given([desired({}, { a: 1, b: 2 })])
      .when(applyDefaults(inForce({ a: 7 }, { b: 8 })))
      .then([]);
  });

  it('does nothing where the document stays as it is, whoever the default is from now', () => {
    configuration
      .given(decide(applyDefaults(inForce({ a: 1 })), initial))
      .when(applyDefaults(inForce({}, { a: 1 })))
      .then([]);
    configuration.given([]).when(applyDefaults(rules)).then([]);
  });

  it('refuses what would be too large with the own values', () => {
    configuration
      .given([desired({}, { a: 1, b: 2 })])
      .when(applyDefaults({ ...inForce({ c: 3 }), limits: { ...limits, keys: 2 } }))
      .thenThrows('configuration-too-large');
  });

  it('offers a document again that was refused, since it is another one', () => {
    const state = stateAfter([
      ...[desired({}, A), dispatched(a), rejected(a)],
      ...decide(applyDefaults(inForce({ led: true })), stateAfter([desired({}, A)])),
    ]);
    expect([state.confirmation, state.sentSinceChange]).toEqual([null, false]);
  });
});

describe('the document in effect', () => {
  const KEYS = ['a', 'b', 'c'];
  const values = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('x', 'y'));
  const document = fc.dictionary(fc.constantFrom(...KEYS), values, { maxKeys: 3 });
  const patch = fc.dictionary(fc.constantFrom(...KEYS), fc.oneof(values, fc.constant(null)), { maxKeys: 3 });
  const steps = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('merge' as const), values: patch }),
      fc.record({ kind: fc.constant('replace' as const), values: document }),
      fc.record({ kind: fc.constant('type' as const), values: document }),
      fc.record({ kind: fc.constant('version' as const), values: document }),
      // The job, or the reactor, comes by: also when nothing changed, and not after every change.
      fc.record({ kind: fc.constant('applied' as const), values: fc.constant({}) }),
    ),
    { maxLength: 12 },
  );

  it('is own before app version before type, after any order of changes, once the defaults are applied', () => {
    fc.assert(
      fc.property(steps, (all) => {
        let [ofType, ofVersion]: JsonObject[] = [{}, {}];
        const own = new Map<string, JsonValue>();
        let state = initial;
        for (const step of [...all, { kind: 'applied' as const, values: {} }]) {
          if (step.kind === 'type') ofType = step.values;
          else if (step.kind === 'version') ofVersion = step.values;
          const force = inForce(ofType ?? {}, ofVersion);
          if (step.kind === 'merge' || step.kind === 'replace') {
            if (step.kind === 'replace') own.clear();
            for (const [key, value] of Object.entries(step.values)) {
              if (value === null) own.delete(key);
              else own.set(key, value);
            }
            state = decide(change(step.values, { mode: step.kind, rules: force }), state).reduce(
              evolve,
              state,
            );
          } else if (step.kind === 'applied') {
            state = decide(applyDefaults(force), state).reduce(evolve, state);
          }
          const owned = Object.entries(state.desired).filter(([, { origin }]) => origin === 'device');
          expect(Object.fromEntries(owned.map(([key, { value }]) => [key, value]))).toEqual(
            Object.fromEntries(own),
          );
        }
        const wanted = { ...ofType, ...ofVersion, ...Object.fromEntries(own) };
        expect(documentOf(state)).toEqual(wanted);
        expect(state.configId).toBe(state.version === 0 ? '' : configIdOf(wanted));
      }),
      { numRuns: 500 },
    );
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

describe('EndConfiguration', () => {
  it('ends the stream, even one that has not begun', () => {
    configuration
      .given([])
      .when({ type: 'EndConfiguration', at: now })
      .then([{ type: 'ConfigurationEnded', data: { endedAt: now } }]);
  });

  const reoffer: Reoffer = { type: 'Reoffer', source: operator, at: now };
  it.each([
    ...[change(A), applyDefaults(rules), reoffer],
    ...[fetch(), report(a, 200), dispatchOf(a), stateReport({})],
  ])('refuses $type after the end', (command) => {
    configuration
      .given([desired({}, A), { type: 'ConfigurationEnded', data: { endedAt: now } }])
      .when(command)
      .thenThrows('device-not-found');
  });
});

describe('evolve', () => {
  it('makes states that survive JSON', () => {
    const state = stateAfter([
      desired({}, A),
      dispatched(a),
      rejected(a),
      desired(A, B),
      ...decide(fetch({ observe: true }), initial),
    ]);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });
});
