import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Done, type Shape } from '@muster/contracts';
import { BulkChangeInput } from '@muster/contracts/configuration/bulk.requests';
import { ConfigurationDispatched, ReportedStateChanged } from '@muster/contracts/configuration/published';
import { HistoryPage } from '@muster/contracts/configuration/requests';
import { ProvisionDevice } from '@muster/contracts/device-registry/devices.requests';
import { ListJobs } from '@muster/contracts/jobs/requests';
import { StoreSamples } from '@muster/contracts/telemetry/requests';
import { brokenRules } from './invalid-fields.js';
import { keepsRules } from './keeps-rules.js';

type Json = Record<string, unknown>;

const actor = { kind: 'api-key', id: 'local-admin' };
const at = '2026-11-21T00:00:00.000Z';
const fact = { deviceId: 'd', version: 1, at, configId: '', source: actor };

/** With lists, nested objects, free JSON, conditions and rules of our own. */
const valid: readonly (readonly [Shape<object>, Json])[] = [
  [Done, {}],
  [
    ProvisionDevice,
    {
      tenantId: 'default',
      actor,
      device: { name: 'd', deviceType: 't', tags: ['a'], position: { latitude: 1, longitude: 2 } },
    },
  ],
  [ConfigurationDispatched, { ...fact, interface: 'mqtt', subscriber: true }],
  [ReportedStateChanged, { ...fact, changes: { a: { to: 1 } }, stated: true, interface: 'http' }],
  [BulkChangeInput, { target: { filter: 'name==a' }, desired: { a: 1 }, reason: 'r' }],
  [HistoryPage, { items: [], nextCursor: null }],
  [ListJobs, { tenantId: 'default', limit: 50 }],
  [
    StoreSamples,
    {
      messages: [
        {
          id: 'i',
          tenantId: 't',
          deviceId: 'd',
          appVersion: 'a',
          receivedAt: 1,
          redelivered: false,
          duplicate: false,
          samples: [],
        },
      ],
    },
  ],
];

/** A copy with what stands at one of its places replaced, left out, or with something unknown beside it. */
const spoilt = (value: unknown, at: number, by: unknown, how: 'replace' | 'remove' | 'add'): unknown => {
  const copy = structuredClone(value) as object;
  const places: { readonly parent: Json; readonly key: string }[] = [];
  const walk = (parent: Json): void => {
    for (const [key, child] of Object.entries(parent)) {
      places.push({ parent, key });
      if (typeof child === 'object' && child !== null) walk(child as Json);
    }
  };
  walk(copy as Json);
  const place = places[at % Math.max(1, places.length)];
  if (place === undefined) return copy;
  const { parent, key } = place;
  if (how === 'replace') parent[key] = by;
  else if (how === 'add') parent[`${key}2`] = by;
  else if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else Reflect.deleteProperty(parent, key);
  return copy;
};

describe('whether the rules are kept', () => {
  it.each(valid)('is told without class-validator for a valid %p', (shape, value) => {
    expect(brokenRules(shape, value, 'refuse')).toEqual([]);
    expect(keepsRules(shape, value, 'refuse')).toBe(true);
    expect(keepsRules(shape, value, 'ignore')).toBe(true);
  });

  it('is told as class-validator tells it', () => {
    const something = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom<unknown>(null, '', 'mqtt', [], {}, [{}], [null], [[]], -1, 1.5, at, actor, [actor]),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...valid),
        fc.nat(40),
        something,
        fc.constantFrom('replace' as const, 'remove' as const, 'add' as const),
        fc.constantFrom('refuse' as const, 'ignore' as const),
        ([shape, value], place, by, how, unknown) => {
          const other = spoilt(value, place, by, how) as Json;
          expect(keepsRules(shape, other, unknown)).toBe(brokenRules(shape, other, unknown).length === 0);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it.each(['__proto__', 'constructor', 'toString'])('not with a field named %s', (name) => {
    const value = JSON.parse(`{"items":[],"nextCursor":null,"${name}":{}}`) as Json;
    expect(keepsRules(HistoryPage, value, 'refuse')).toBe(false);
    expect(keepsRules(HistoryPage, value, 'ignore')).toBe(true);
  });
});
