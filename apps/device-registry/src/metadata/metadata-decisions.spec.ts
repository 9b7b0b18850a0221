import { describe, it } from '@jest/globals';
import type { JsonObject, JsonValue } from '@muster/contracts';
import { scenario } from '@muster/testing';
import { device, type DeviceCommand } from '../device/device.decider.js';
import type { DeviceEvent } from '../device/device.events.js';
import { parsed, provisioned as radiator, tokenIssued } from '../device/radiator.fixture.js';
import type { MetadataRules } from './metadata-access.js';

const rules: MetadataRules = {
  metadataKeys: { serial: { writable: false }, secret: { readable: false } },
};
const provisioned: DeviceEvent = {
  type: 'DeviceProvisioned',
  data: {
    name: 'radiator 7',
    deviceTypeId: 'type-1',
    deviceType: 'radiator',
    appVersion: 'radiator-v1',
    interface: 'mqtt',
    folder: '/',
    tags: [],
    metadata: { floor: 3, room: 'a', secret: 's', serial: 'S-1', connected: true },
    provisionedAt: '2026-11-20T10:00:00.000Z',
  },
};
type Changes = Extract<DeviceEvent, { type: 'DeviceMetadataChanged' }>['data']['changes'];
const changed = (changes: Changes): DeviceEvent => ({ type: 'DeviceMetadataChanged', data: { changes } });
const update = (mode: 'full' | 'partial', values: JsonObject, more = rules): DeviceCommand => ({
  type: 'UpdateMetadata',
  mode,
  values,
  rules: more,
});
const remove = (...keys: string[]): DeviceCommand => ({ type: 'DeleteMetadata', keys, rules });
const subject = scenario(device);
const existing = subject.given([provisioned]);
const theRadiator = subject.given([radiator, tokenIssued]);

describe('UpdateMetadata, partial', () => {
  it('adds and replaces, and leaves the others', () =>
    existing
      .when(update('partial', { floor: 4, city: { a: [1] } }))
      .then([changed({ floor: { from: 3, to: 4 }, city: { to: { a: [1] } } })]));
  it('does nothing for what is so already', () =>
    existing.when(update('partial', { floor: 3, room: 'a' })).then([]));
  it('stores null as a value', () => {
    existing
      .when(update('partial', { floor: null, city: null }))
      .then([changed({ floor: { from: 3, to: null }, city: { to: null } })]);
    const nothing = subject.given([provisioned, changed({ floor: { from: 3, to: null } })]);
    nothing.when(update('partial', { floor: 1 })).then([changed({ floor: { from: null, to: 1 } })]);
    nothing
      .when({ type: 'ChangeMetadata', patch: { room: 'b' } })
      .then([changed({ room: { from: 'a', to: 'b' } })]);
    nothing
      .when({ type: 'ChangeMetadata', patch: { floor: null } })
      .then([changed({ floor: { from: null } })]);
  });
  it('passes over what the platform owns', () =>
    existing
      .when(update('partial', { connected: false, connectivity_ts: 5, floor: 4 }))
      .then([changed({ floor: { from: 3, to: 4 } })]));
  it('treats the names of Object.prototype as any other key', () =>
    existing
      .when(update('partial', parsed('{"__proto__": 1, "hasOwnProperty": 2}')))
      .then([changed(parsed('{"__proto__": {"to": 1}, "hasOwnProperty": {"to": 2}}'))]));
});

describe('UpdateMetadata, full', () => {
  it('removes what is not named, except what the device may not write', () =>
    existing
      .when(update('full', { floor: 4 }))
      .then([changed({ floor: { from: 3, to: 4 }, room: { from: 'a' }, secret: { from: 's' } })]));
  it('keeps what the platform owns, named or not', () =>
    existing.when(update('full', { floor: 3, room: 'a', secret: 's', connected: false })).then([]));
});

describe('UpdateMetadata', () => {
  it.each(['full', 'partial'] as const)('changes nothing when one key is refused (%s)', (mode) => {
    existing.when(update(mode, { floor: 4, serial: 'S-2' })).thenThrows('metadata-key-restricted');
    // The same value: still not the device's to write.
    existing.when(update(mode, { serial: 'S-1' })).thenThrows('metadata-key-restricted');
    existing.when(update(mode, { floor: 4, 'a.b': 1 })).thenThrows('invalid-request');
    existing.when(update(mode, { floor: 'x'.repeat(8_191) })).thenThrows('invalid-request');
    existing.when(update(mode, {})).thenThrows('invalid-request');
  });
  it('takes the rule for undeclared keys where none is declared', () => {
    const closed: MetadataRules = {
      metadataKeys: { floor: {} },
      undeclaredMetadataKeys: { writable: false },
    };
    existing.when(update('partial', { floor: 4 }, closed)).then([changed({ floor: { from: 3, to: 4 } })]);
    existing.when(update('partial', { room: 'b' }, closed)).thenThrows('metadata-key-restricted');
    existing.when(update('partial', { toString: 1 }, closed)).thenThrows('metadata-key-restricted');
  });
});

describe('DeleteMetadata', () => {
  it('removes what is there', () =>
    existing
      .when(remove('floor', 'never', 'secret'))
      .then([changed({ floor: { from: 3 }, secret: { from: 's' } })]));
  it('does nothing for keys that are not there', () => existing.when(remove('never')).then([]));
  it('removes nothing when one key is refused', () => {
    existing.when(remove('floor', 'serial')).thenThrows('metadata-key-restricted');
    existing.when(remove('connected')).thenThrows('metadata-key-restricted');
    existing.when(remove('connectivity_ts')).thenThrows('metadata-key-restricted');
  });
});

describe('a device that is not there', () => {
  it('answers device-not-found', () => {
    subject
      .given([])
      .when(update('full', { a: 1 }))
      .thenThrows('device-not-found');
    subject.given([]).when(remove('a')).thenThrows('device-not-found');
  });
});

describe('ChangeMetadata', () => {
  it('tells what changed, per key', () =>
    theRadiator
      .when({ type: 'ChangeMetadata', patch: { floor: null, room: { a: 1 }, never: null } })
      .then([
        { type: 'DeviceMetadataChanged', data: { changes: { floor: { from: 3 }, room: { to: { a: 1 } } } } },
      ]));
  it('compares values as JSON', () =>
    subject
      .given([
        radiator,
        tokenIssued,
        { type: 'DeviceMetadataChanged', data: { changes: { room: { to: { a: 1, b: 2 } } } } },
      ])
      .when({ type: 'ChangeMetadata', patch: { room: { b: 2, a: 1 } } })
      .then([]));
  it('treats the names of Object.prototype as any other key', () =>
    theRadiator.when({ type: 'ChangeMetadata', patch: parsed('{"__proto__": 1, "constructor": 2}') }).then([
      {
        type: 'DeviceMetadataChanged',
        data: { changes: parsed('{"__proto__": {"to": 1}, "constructor": {"to": 2}}') },
      },
    ]));
  it('refuses keys, sizes and numbers against the rules', () => {
    const patches: Record<string, JsonValue>[] = [
      { 'a.b': 1 },
      { 'a.b': null },
      { big: 'x'.repeat(8_191) },
      Object.fromEntries(Array.from({ length: 256 }, (_, index) => [`k${index}`, 1])),
    ];
    for (const patch of patches) {
      theRadiator.when({ type: 'ChangeMetadata', patch }).thenThrows('invalid-request');
    }
  });
  it('accepts what is just within the rules', () => {
    const patch = Object.fromEntries(Array.from({ length: 255 }, (_, index) => [`k${index}`, 1]));
    const changes = Object.fromEntries(Object.keys(patch).map((key) => [key, { to: 1 }]));
    theRadiator
      .when({ type: 'ChangeMetadata', patch })
      .then([{ type: 'DeviceMetadataChanged', data: { changes } }]);
    const longest = 'x'.repeat(8_190);
    theRadiator
      .when({ type: 'ChangeMetadata', patch: { big: longest } })
      .then([{ type: 'DeviceMetadataChanged', data: { changes: { big: { to: longest } } } }]);
  });
});

describe('DeleteMetadataKey', () => {
  it('removes the key', () =>
    theRadiator
      .when(
        { type: 'DeleteMetadataKey', key: 'floor' },
        { notIdempotentBecause: 'the contract answers metadata-key-not-found to the second' },
      )
      .then([{ type: 'DeviceMetadataChanged', data: { changes: { floor: { from: 3 } } } }]));
  it('refuses a key that is not there', () => {
    for (const key of ['room', 'constructor']) {
      theRadiator.when({ type: 'DeleteMetadataKey', key }).thenThrows('metadata-key-not-found');
    }
  });
});
