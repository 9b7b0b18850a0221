import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { device, type DeviceCommand } from './device.decider.js';
import type { DeviceEvent } from './device.events.js';
import { at, given, provision, provisioned, tokenIssued, tokenStatus } from './radiator.fixture.js';

const deleted: DeviceEvent = { type: 'DeviceDeleted', data: { name: 'radiator 7' } };
const active = tokenStatus('inactive', 'active');
const subject = scenario(device);
const existing = subject.given([provisioned, tokenIssued]);

describe('ProvisionDevice', () => {
  it('provisions with its first token', () =>
    subject.given([]).when(provision).then([provisioned, tokenIssued]));
  it('keeps optional facts that are given', () =>
    subject
      .given([])
      .when({ ...provision, serialNumber: 'S', position: { latitude: 1, longitude: 2 } })
      .then([
        {
          type: 'DeviceProvisioned',
          data: { ...given, serialNumber: 'S', position: { latitude: 1, longitude: 2 }, provisionedAt: at },
        },
        tokenIssued,
      ]));
  it('takes a metadata value of null as no value', () =>
    subject
      .given([])
      .when({ ...provision, metadata: { floor: 3, room: null } })
      .then([provisioned, tokenIssued]));
  it('refuses bad metadata', () =>
    subject
      .given([])
      .when({ ...provision, metadata: { 'a b': 1 } })
      .thenThrows('invalid-request'));
});

describe('EditDevice', () => {
  it('tells each change with what was before', () =>
    existing
      .when({
        type: 'EditDevice',
        name: 'radiator 8',
        appVersion: { name: 'radiator-v2', deviceTypeId: 'type-1' },
        folder: '/',
        tags: [],
        serialNumber: 'S',
        position: { latitude: 1, longitude: 2 },
      })
      .then([
        { type: 'DeviceRenamed', data: { from: 'radiator 7', to: 'radiator 8' } },
        { type: 'DeviceAppVersionChanged', data: { from: 'radiator-v1', to: 'radiator-v2' } },
        { type: 'DeviceMoved', data: { from: '/paris', to: '/' } },
        { type: 'DeviceRetagged', data: { from: ['roof'], to: [] } },
        { type: 'DeviceSerialNumberChanged', data: { from: null, to: 'S' } },
        { type: 'DevicePositionChanged', data: { from: null, to: { latitude: 1, longitude: 2 } } },
      ]));
  it('does nothing for what is so already', () =>
    existing
      .when({
        type: 'EditDevice',
        name: given.name,
        appVersion: { name: given.appVersion, deviceTypeId: 'type-1' },
        tags: ['roof'],
        serialNumber: null,
        position: null,
      })
      .then([]));
  it('refuses an application version of another type, or of none', () => {
    for (const deviceTypeId of ['type-2', undefined]) {
      existing
        .when({ type: 'EditDevice', appVersion: { name: 'other', deviceTypeId } })
        .thenThrows('app-version-not-found');
    }
  });
});

describe('RecordSighting', () => {
  const sighting = (name: string, deviceTypeId: string | undefined = 'type-1', tokenId = 'token-1') =>
    ({ type: 'RecordSighting', tokenId, appVersion: { name, deviceTypeId } }) as const;

  it('activates a token at its first use', () => existing.when(sighting('radiator-v1')).then([active]));
  it('moves the device to the application version it uses', () =>
    existing
      .when(sighting('radiator-v2'))
      .then([active, { type: 'DeviceAppVersionChanged', data: { from: 'radiator-v1', to: 'radiator-v2' } }]));
  it('activates the token of a subscription, which says nothing of a version', () => {
    const subscribed = { type: 'RecordSighting', tokenId: 'token-1' } as const;
    existing.when(subscribed).then([active]);
    subject.given([provisioned, tokenIssued, active]).when(subscribed).then([]);
  });
  it('does nothing for what is known', () =>
    subject.given([provisioned, tokenIssued, active]).when(sighting('radiator-v1')).then([]));
  it('does nothing for a token that opens nothing', () => {
    for (const to of ['suspended', 'revoked'] as const) {
      subject
        .given([provisioned, tokenIssued, tokenStatus('inactive', to)])
        .when(sighting('radiator-v2'))
        .then([]);
    }
  });
  it('refuses what it does not know', () => {
    existing.when(sighting('other', 'type-2')).thenThrows('app-version-not-found');
    existing
      .when({ ...sighting('x'), appVersion: { name: 'x', deviceTypeId: undefined } })
      .thenThrows('app-version-not-found');
    existing.when(sighting('radiator-v1', 'type-1', 'token-9')).thenThrows('token-not-found');
  });
});

describe('DeleteDevice', () => {
  it('ends the device', () => existing.when({ type: 'DeleteDevice' }).then([deleted]));
  it('refuses what never was', () =>
    subject.given([]).when({ type: 'DeleteDevice' }).thenThrows('device-not-found'));
});

describe('RecordErasure', () => {
  const erased: DeviceEvent = { type: 'DeviceErased', data: { erasedAt: at } };
  const command: DeviceCommand = { type: 'RecordErasure', at };

  it('is told once of a device that is deleted', () => {
    subject.given([provisioned, tokenIssued, deleted]).when(command).then([erased]);
    subject.given([provisioned, tokenIssued, deleted, erased]).when(command).then([]);
  });
  it('refuses a device that is not deleted, or never was', () => {
    existing.when(command).thenThrows('device-exists');
    subject.given([]).when(command).thenThrows('device-not-found');
  });
  it('leaves it deleted', () =>
    subject.given([provisioned, tokenIssued, deleted, erased]).when({ type: 'DeleteDevice' }).then([]));
});

describe('ApplyRow', () => {
  it('changes what a row mentions, each told by itself, and nothing when it is so already', () => {
    const row = { type: 'ApplyRow', at } as const;
    existing
      .when({
        ...row,
        edit: { folder: '/lyon', serialNumber: 'S' },
        metadata: { floor: null, room: 'attic' },
        token: { tokenId: 'token-2', hint: 'ab' },
      })
      .then([
        { type: 'DeviceMoved', data: { from: '/paris', to: '/lyon' } },
        { type: 'DeviceSerialNumberChanged', data: { from: null, to: 'S' } },
        { type: 'DeviceMetadataChanged', data: { changes: { floor: { from: 3 }, room: { to: 'attic' } } } },
        { type: 'EndpointTokenIssued', data: { tokenId: 'token-2', hint: 'ab', issuedAt: at } },
      ]);
    existing.when({ ...row, edit: { folder: '/paris', tags: ['roof'] }, metadata: { floor: 3 } }).then([]);
  });
});

describe('a device that is not there, or not any more', () => {
  const commands: DeviceCommand[] = [
    { type: 'EditDevice', name: 'x' },
    { type: 'ChangeMetadata', patch: {} },
    { type: 'DeleteMetadataKey', key: 'floor' },
    { type: 'IssueToken', tokenId: 't', hint: 'abcd', at },
    { type: 'EditToken', tokenId: 'token-1', status: 'active', at },
    { type: 'RecordSighting', tokenId: 'token-1', appVersion: { name: 'x', deviceTypeId: 'type-1' } },
  ];
  it.each(commands)('answers device-not-found to $type', (command) => {
    subject.given([]).when(command).thenThrows('device-not-found');
    subject.given([provisioned, tokenIssued, deleted]).when(command).thenThrows('device-not-found');
  });
});
