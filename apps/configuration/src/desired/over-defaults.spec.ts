import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject, JsonValue } from '@muster/contracts';
import type { ChangeDesired } from './desired-decisions.js';
import type { Rules } from './desired-values.js';
import { configIdOf } from '../device-configuration/config-id.js';
import {
  configuration,
  limits,
  rules,
  inForce,
  now,
  stateAfter,
  change,
  applyDefaults,
  desired,
  dispatched,
  applied,
  rejected,
  A,
  a,
} from '../device-configuration/configuration-scenario.fixture.js';
import { initial } from '../device-configuration/configuration-state.js';
import { decide, evolve } from '../device-configuration/device-configuration.decider.js';
import { documentOf } from '../device-configuration/documents.js';

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

  it('refuses what the twin of a device in an IoT Hub could not hold, and only there', () => {
    const tooDeep = { a: { b: { c: { d: { e: { f: { g: { h: 1 } } } } } } } };
    const inHub: Rules = { ...rules, interface: 'iothub' };
    expect(decide(change(tooDeep), stateAfter([]))).toHaveLength(1);
    expect(() => decide(change(tooDeep, { rules: inHub }), stateAfter([]))).toThrow(
      expect.objectContaining({
        code: 'configuration-too-large',
        detail: expect.stringMatching(/IoT Hub.*key "a": .*nested at most 10 deep/) as unknown,
      }),
    );
    // What it had before it came to the hub does not keep it from other changes.
    const history = [desired({}, tooDeep)];
    expect(decide(change({ fine: 1 }, { rules: inHub }), stateAfter(history))).toHaveLength(1);
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
