import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@muster/event-store';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import type { Device } from './device-state.js';
import { device } from './device.decider.js';
import { upcast, type DeviceEvent } from './device.events.js';

/**
 * Events as they lie in tables out there. Never edit one: a new shape is a new schema version, an upcast, and one more
 * entry here.
 */
const stored: readonly StoredEvent[] = [
  {
    type: 'DeviceProvisioned',
    schemaVersion: 1,
    data: {
      name: 'radiator 7',
      deviceTypeId: 't1',
      deviceType: 'radiator',
      appVersion: 'radiator-v1',
      interface: 'mqtt',
      folder: '/paris',
      tags: ['roof'],
      metadata: { floor: 3 },
      provisionedAt: '2026-11-20T10:00:00.000Z',
    },
  },
  {
    type: 'EndpointTokenIssued',
    schemaVersion: 1,
    data: { tokenId: 'k1', hint: 'abcd', issuedAt: '2026-11-20T10:00:00.000Z' },
  },
  {
    type: 'EndpointTokenStatusChanged',
    schemaVersion: 1,
    data: { tokenId: 'k1', from: 'inactive', to: 'active' },
  },
  { type: 'DeviceRenamed', schemaVersion: 1, data: { from: 'radiator 7', to: 'radiator 8' } },
  { type: 'DeviceMoved', schemaVersion: 1, data: { from: '/paris', to: '/lyon' } },
  { type: 'DeviceRetagged', schemaVersion: 1, data: { from: ['roof'], to: ['north', 'east'] } },
  { type: 'DeviceAppVersionChanged', schemaVersion: 1, data: { from: 'radiator-v1', to: 'radiator-v2' } },
  { type: 'DeviceSerialNumberChanged', schemaVersion: 1, data: { from: null, to: 'S-1' } },
  {
    type: 'DevicePositionChanged',
    schemaVersion: 1,
    data: { from: null, to: { latitude: 48.8, longitude: 2.3 } },
  },
  {
    type: 'DeviceMetadataChanged',
    schemaVersion: 1,
    data: { changes: { floor: { from: 3 }, room: { to: { a: 1 } } } },
  },
  { type: 'DeviceMetadataChanged', schemaVersion: 1, data: { changes: { note: { to: null } } } },
  {
    type: 'CredentialIssued',
    schemaVersion: 1,
    data: { credentialId: 'c1', kind: 'secret', issuedAt: '2026-11-20T10:00:00.000Z' },
  },
  {
    type: 'CredentialIssued',
    schemaVersion: 1,
    data: { credentialId: 'c2', kind: 'secret', issuedAt: '2026-11-20T11:00:00.000Z' },
  },
  {
    type: 'CredentialStatusChanged',
    schemaVersion: 1,
    data: { credentialId: 'c1', kind: 'secret', from: 'active', to: 'revoked' },
  },
  { type: 'DeviceInterfaceChanged', schemaVersion: 1, data: { from: 'mqtt', to: 'http' } },
  { type: 'DeviceParentChanged', schemaVersion: 1, data: { from: null, to: 'gateway-1' } },
  { type: 'CredentialRemoved', schemaVersion: 1, data: { credentialId: 'c1' } },
  {
    type: 'CredentialIssued',
    schemaVersion: 1,
    data: {
      credentialId: 'c3',
      kind: 'self-signed',
      issuedAt: '2026-11-28T11:00:00.000Z',
      status: 'inactive',
      validFrom: '2026-11-29T00:00:00.000Z',
      validUntil: '2027-11-29T00:00:00.000Z',
      sha256: '5f'.repeat(32),
    },
  },
  {
    type: 'CredentialStatusChanged',
    schemaVersion: 1,
    data: { credentialId: 'c3', kind: 'self-signed', from: 'inactive', to: 'active', opens: false },
  },
  {
    type: 'CredentialValidityChanged',
    schemaVersion: 1,
    data: {
      credentialId: 'c3',
      kind: 'self-signed',
      status: 'active',
      from: { validFrom: '2026-11-29T00:00:00.000Z', validUntil: '2027-11-29T00:00:00.000Z' },
      to: { validFrom: '2026-11-29T00:00:00.000Z', validUntil: '2026-12-29T00:00:00.000Z' },
      changedAt: '2026-11-28T12:00:00.000Z',
    },
  },
  {
    type: 'CredentialBegan',
    schemaVersion: 1,
    data: {
      credentialId: 'c3',
      kind: 'self-signed',
      status: 'active',
      validFrom: '2026-11-29T00:00:00.000Z',
    },
  },
  {
    type: 'CredentialExpired',
    schemaVersion: 1,
    data: {
      credentialId: 'c3',
      kind: 'self-signed',
      status: 'active',
      validUntil: '2026-12-29T00:00:00.000Z',
    },
  },
  { type: 'DeviceStandingChanged', schemaVersion: 1, data: { from: 'active', to: 'suspended' } },
  { type: 'DeviceTokenOnlyChanged', schemaVersion: 1, data: { from: true, to: false } },
  {
    type: 'EndpointTokenIssued',
    schemaVersion: 1,
    data: { tokenId: 'k2', hint: 'efgh', issuedAt: '2026-11-20T11:00:00.000Z' },
  },
  {
    type: 'EndpointTokenValidityChanged',
    schemaVersion: 1,
    data: {
      tokenId: 'k2',
      status: 'inactive',
      from: {},
      to: { validFrom: '2026-11-21T00:00:00.000Z', validUntil: '2026-11-22T00:00:00.000Z' },
      changedAt: '2026-11-20T12:00:00.000Z',
    },
  },
  {
    type: 'EndpointTokenBegan',
    schemaVersion: 1,
    data: {
      tokenId: 'k2',
      status: 'inactive',
      validFrom: '2026-11-21T00:00:00.000Z',
      validUntil: '2026-11-22T00:00:00.000Z',
    },
  },
  {
    type: 'EndpointTokenExpired',
    schemaVersion: 1,
    data: { tokenId: 'k2', status: 'inactive', validUntil: '2026-11-22T00:00:00.000Z' },
  },
  { type: 'EndpointTokenRemoved', schemaVersion: 1, data: { tokenId: 'k2' } },
  {
    type: 'EndpointTokenIssued',
    schemaVersion: 1,
    data: {
      tokenId: 'k3',
      hint: 'ijkl',
      issuedAt: '2026-11-20T11:00:00.000Z',
      validUntil: '2026-12-20T11:00:00.000Z',
    },
  },
];
const deleted: StoredEvent = { type: 'DeviceDeleted', schemaVersion: 1, data: { name: 'radiator 8' } };
const erased: StoredEvent = {
  type: 'DeviceErased',
  schemaVersion: 1,
  data: { erasedAt: '2026-11-28T22:00:00.000Z' },
};

const newest: NewestVersions<DeviceEvent> = {
  DeviceProvisioned: 1,
  DeviceRenamed: 1,
  DeviceMoved: 1,
  DeviceRetagged: 1,
  DeviceAppVersionChanged: 1,
  DeviceInterfaceChanged: 1,
  DeviceSerialNumberChanged: 1,
  DevicePositionChanged: 1,
  DeviceParentChanged: 1,
  DeviceMetadataChanged: 1,
  EndpointTokenIssued: 1,
  EndpointTokenStatusChanged: 1,
  EndpointTokenValidityChanged: 1,
  EndpointTokenBegan: 1,
  EndpointTokenExpired: 1,
  EndpointTokenRemoved: 1,
  CredentialIssued: 1,
  CredentialStatusChanged: 1,
  CredentialRemoved: 1,
  CredentialValidityChanged: 1,
  CredentialBegan: 1,
  CredentialExpired: 1,
  DeviceStandingChanged: 1,
  DeviceTokenOnlyChanged: 1,
  DeviceDeleted: 1,
  DeviceErased: 1,
};

const folded = (events: readonly StoredEvent[]): Device =>
  events.map(upcast).reduce(device.evolve, device.initial);

describe('stored events of a device', () => {
  it('have a fixture of every type and version', () => {
    expect(withoutFixture([...stored, deleted, erased], newest)).toEqual([]);
  });

  it('are read as they were written', () => {
    expect(folded(stored)).toEqual({
      status: 'existing',
      name: 'radiator 8',
      deviceTypeId: 't1',
      appVersion: 'radiator-v2',
      interface: 'http',
      folder: '/lyon',
      tags: ['north', 'east'],
      metadata: { room: { a: 1 }, note: null },
      serialNumber: 'S-1',
      position: { latitude: 48.8, longitude: 2.3 },
      parentId: 'gateway-1',
      tokens: { k1: 'active', k3: 'inactive' },
      tokenTimes: { k3: { validUntil: '2026-12-20T11:00:00.000Z', phase: 'within' } },
      standing: 'suspended',
      tokenOnly: false,
      credentials: {
        c2: { kind: 'secret', status: 'active', phase: 'within' },
        c3: {
          kind: 'self-signed',
          status: 'active',
          validFrom: '2026-11-29T00:00:00.000Z',
          validUntil: '2026-12-29T00:00:00.000Z',
          phase: 'after',
        },
      },
    });
    expect(folded([...stored, deleted])).toEqual({
      status: 'deleted',
      name: 'radiator 8',
    });
    expect(folded([...stored, deleted, erased])).toEqual({
      status: 'deleted',
      name: 'radiator 8',
      isErased: true,
    });
  });

  it('make a state that survives JSON, as it is stored beside the stream', () => {
    const state = folded(stored);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });
});
