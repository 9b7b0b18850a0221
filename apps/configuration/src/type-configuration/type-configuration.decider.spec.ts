import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '@muster/contracts';
import type { TypeConfigurationEdit } from '@muster/contracts/configuration/type-configuration.requests';
import { scenario } from '@muster/testing';
import {
  decide,
  defaultsOf,
  evolve,
  initial,
  type ChangeTypeDefaults,
  type EditRules,
} from './type-configuration.decider.js';
import type { TypeConfigurationEvent } from './type-configuration.events.js';
import { valueChecks } from './type-rules.js';

const type = scenario({ initial, evolve, decide });
const at = '2026-01-01T00:00:00.000Z';
const common = {
  ceilings: { documentBytes: 1_000, valueBytes: 100, keys: 5 },
  checkOf: valueChecks,
  at,
};
const edit = (change: TypeConfigurationEdit, more: Partial<EditRules> = {}): EditRules => ({
  type: 'EditRules',
  edit: change,
  ...common,
  ...more,
});
const defaults = (values: JsonObject, more: Partial<ChangeTypeDefaults> = {}): ChangeTypeDefaults => ({
  type: 'ChangeTypeDefaults',
  appVersion: null,
  mode: 'merge',
  defaults: values,
  ...common,
  ...more,
});
const after = (history: readonly TypeConfigurationEvent[]) => history.reduce(evolve, initial);
const NUMBER = { schema: { type: 'number' } };
const declared: TypeConfigurationEvent = {
  type: 'TypeRulesChanged',
  data: { keys: { interval: NUMBER }, undeclaredKeys: 'refused', limits: { keys: 2 }, changedAt: at },
};
const given = (values: JsonObject, appVersion: string | null = null): TypeConfigurationEvent => ({
  type: 'TypeDefaultsChanged',
  data: {
    appVersion,
    changes: Object.fromEntries(Object.entries(values).map(([key, to]) => [key, { to }])),
    changedAt: at,
  },
});

describe('EditRules', () => {
  it('records only what changes', () => {
    type
      .given([declared])
      .when(edit({ keys: { interval: NUMBER, led: { schema: true } }, undeclaredKeys: 'refused' }))
      .then([{ type: 'TypeRulesChanged', data: { keys: { led: { schema: true } }, changedAt: at } }]);
  });

  it('takes back what is null, and leaves what is absent', () => {
    const history = [
      declared,
      ...decide(
        edit({ keys: { interval: null }, limits: { keys: null, valueBytes: 50 } }),
        after([declared]),
      ),
    ];
    expect(after(history)).toMatchObject({
      keys: {},
      undeclaredKeys: 'refused',
      limits: { valueBytes: 50 },
      version: 2,
    });
    expect(after(history).limits).toEqual({ valueBytes: 50 });
  });

  it.each<[string, TypeConfigurationEdit]>([
    ['what is there', { keys: { interval: NUMBER }, undeclaredKeys: 'refused', limits: { keys: 2 } }],
    ['the removal of what is not', { keys: { led: null }, limits: { valueBytes: null } }],
    ['nothing', {}],
  ])('does nothing for %s, whatever version that has been was expected', (_what, change) => {
    type
      .given([declared])
      .when(edit(change, { expectedVersion: 0 }))
      .then([]);
    type
      .given([declared])
      .when(edit(change, { expectedVersion: 9 }))
      .thenThrows('version-mismatch');
  });

  it('refuses another version than the expected one', () => {
    type
      .given([declared])
      .when(edit({ limits: null }, { expectedVersion: 0 }))
      .thenThrows('version-mismatch');
  });

  it('refuses limits above those of the service', () => {
    type
      .given([])
      .when(edit({ limits: { documentBytes: 1_001 } }))
      .thenThrows('invalid-configuration');
  });

  it('refuses rules that defaults do not keep', () => {
    const history = [given({ interval: 'text' }), given({ led: true }, 'v2')];
    type
      .given(history)
      .when(edit({ keys: { interval: NUMBER } }))
      .thenThrows('invalid-configuration');
    type
      .given(history)
      .when(edit({ keys: { interval: { schema: true } }, undeclaredKeys: 'refused' }))
      .thenThrows('invalid-configuration');
    type
      .given(history)
      .when(edit({ limits: { keys: 1 } }))
      .thenThrows('configuration-too-large');
  });

  it('refuses more than can be read for every change', () => {
    const large = Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [`k${n}`, { schema: { description: 'x'.repeat(16_000) } }]),
    );
    type
      .given([])
      .when(edit({ keys: large }))
      .thenThrows('configuration-too-large');
  });
});

describe('ChangeTypeDefaults', () => {
  it('records every changed key with both sides', () => {
    type
      .given([given({ a: 1, b: { c: 1, d: 2 } })])
      .when(defaults({ a: null, b: { c: null }, e: 5 }))
      .then([
        {
          type: 'TypeDefaultsChanged',
          data: {
            appVersion: null,
            changes: { a: { from: 1 }, b: { from: { c: 1, d: 2 }, to: { d: 2 } }, e: { to: 5 } },
            changedAt: at,
          },
        },
      ]);
  });

  it('replaces those of one level and leaves the others', () => {
    const history = [given({ a: 1 }), given({ a: 2, b: 3 }, 'v2')];
    const events = decide(defaults({ b: 4 }, { appVersion: 'v2', mode: 'replace' }), after(history));
    expect(after([...history, ...events])).toMatchObject({
      defaults: { a: 1 },
      appVersions: { v2: { defaults: { b: 4 } } },
    });
    const none = decide(defaults({}, { appVersion: 'v2', mode: 'replace' }), after(history));
    expect(after([...history, ...none]).appVersions).toEqual({});
  });

  it('does nothing when they are the same, whatever version that has been was expected', () => {
    const same = { a: { y: 2, x: 1 }, z: null };
    type
      .given([given({ a: { x: 1, y: 2 } })])
      .when(defaults(same, { expectedVersion: 0 }))
      .then([]);
    type
      .given([given({ a: { x: 1, y: 2 } })])
      .when(defaults(same, { expectedVersion: 9 }))
      .thenThrows('version-mismatch');
  });

  it.each<[string, JsonObject, string]>([
    ['a bad key', { 'a.b': 1 }, 'invalid-configuration'],
    ['a value that does not fit', { interval: 'x' }, 'invalid-configuration'],
    ['an undeclared key', { led: 1 }, 'invalid-configuration'],
  ])('refuses %s', (_what, values, code) => {
    type.given([declared]).when(defaults(values)).thenThrows(code);
  });

  it('refuses what is too large, also both levels together', () => {
    type
      .given([])
      .when(defaults({ a: 'x'.repeat(200) }))
      .thenThrows('configuration-too-large');
    type
      .given([given({ a: 1, b: 1, c: 1 })])
      .when(defaults({ d: 1, e: 1, f: 1 }, { appVersion: 'v2' }))
      .thenThrows('configuration-too-large');
  });
});

describe('the defaults in force', () => {
  it('are those of the app version before those of the type', () => {
    const state = after([given({ a: 1, b: 1 }), given({ b: 2 }, 'v2')]);
    expect(Object.fromEntries(defaultsOf(state, 'v2'))).toEqual({
      a: { value: 1, origin: 'device-type' },
      b: { value: 2, origin: 'app-version' },
    });
    expect(defaultsOf(state, 'constructor').size).toBe(2);
  });
});

describe('EndTypeConfiguration', () => {
  const end = { type: 'EndTypeConfiguration', at } as const;
  const ended: TypeConfigurationEvent = { type: 'TypeConfigurationEnded', data: { endedAt: at } };

  it('ends the stream, even one that has not begun, once', () => {
    type.given([]).when(end).then([ended]);
    type.given([ended]).when(end).then([]);
  });

  it('leaves no defaults, and nothing to change', () => {
    expect(defaultsOf(after([given({ a: 1 }), ended]), 'v1').size).toBe(0);
    type
      .given([ended])
      .when(edit({ limits: { keys: 1 } }))
      .thenThrows('device-type-not-found');
    type
      .given([ended])
      .when(defaults({ a: 1 }))
      .thenThrows('device-type-not-found');
  });
});

describe('evolve', () => {
  it('makes states that survive JSON', () => {
    const state = after([declared, given({ interval: 1 }), given({ interval: 2 }, '__proto__')]);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });
});
