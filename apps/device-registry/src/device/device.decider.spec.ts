import { describe, it } from '@jest/globals';
import type { JsonValue } from '@muster/contracts';
import { scenario } from '@muster/testing';
import { device, type DeviceCommand } from './device.decider.js';
import type { DeviceEvent } from './device.events.js';

const at = '2026-11-20T10:00:00.000Z';
const given = {
  name: 'radiator 7',
  deviceTypeId: 'type-1',
  deviceType: 'radiator',
  appVersion: 'radiator-v1',
  interface: 'mqtt',
  folder: '/paris',
  tags: ['roof'],
  metadata: { floor: 3 },
} as const;
const provision: DeviceCommand = {
  type: 'ProvisionDevice',
  ...given,
  token: { tokenId: 'token-1', hint: 'abcd' },
  credential: { kind: undefined, credentialId: 'secret-1' },
  at,
};
const provisioned: DeviceEvent = { type: 'DeviceProvisioned', data: { ...given, provisionedAt: at } };
const issued: DeviceEvent = {
  type: 'EndpointTokenIssued',
  data: { tokenId: 'token-1', hint: 'abcd', issuedAt: at },
};
const deleted: DeviceEvent = { type: 'DeviceDeleted', data: { name: 'radiator 7' } };
type Status = Extract<DeviceEvent, { type: 'EndpointTokenStatusChanged' }>['data']['to'];
const status = (from: Status, to: Status): DeviceEvent => ({
  type: 'EndpointTokenStatusChanged',
  data: { tokenId: 'token-1', from, to },
});
const active = status('inactive', 'active');
/** The only way to an own property of the name `__proto__`. */
const parsed = <T>(json: string): T => JSON.parse(json) as T;
const subject = scenario(device);
const existing = subject.given([provisioned, issued]);

describe('ProvisionDevice', () => {
  it('provisions with its first token', () => subject.given([]).when(provision).then([provisioned, issued]));
  it('keeps optional facts that are given', () =>
    subject
      .given([])
      .when({ ...provision, serialNumber: 'S', position: { latitude: 1, longitude: 2 } })
      .then([
        {
          type: 'DeviceProvisioned',
          data: { ...given, serialNumber: 'S', position: { latitude: 1, longitude: 2 }, provisionedAt: at },
        },
        issued,
      ]));
  it('takes a metadata value of null as no value', () =>
    subject
      .given([])
      .when({ ...provision, metadata: { floor: 3, room: null } })
      .then([provisioned, issued]));
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

describe('ChangeMetadata', () => {
  it('tells what changed, per key', () =>
    existing
      .when({ type: 'ChangeMetadata', patch: { floor: null, room: { a: 1 }, never: null } })
      .then([
        { type: 'DeviceMetadataChanged', data: { changes: { floor: { from: 3 }, room: { to: { a: 1 } } } } },
      ]));
  it('compares values as JSON', () =>
    subject
      .given([
        provisioned,
        issued,
        { type: 'DeviceMetadataChanged', data: { changes: { room: { to: { a: 1, b: 2 } } } } },
      ])
      .when({ type: 'ChangeMetadata', patch: { room: { b: 2, a: 1 } } })
      .then([]));
  it('treats the names of Object.prototype as any other key', () =>
    existing.when({ type: 'ChangeMetadata', patch: parsed('{"__proto__": 1, "constructor": 2}') }).then([
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
      existing.when({ type: 'ChangeMetadata', patch }).thenThrows('invalid-request');
    }
  });
  it('accepts what is just within the rules', () => {
    const patch = Object.fromEntries(Array.from({ length: 255 }, (_, index) => [`k${index}`, 1]));
    const changes = Object.fromEntries(Object.keys(patch).map((key) => [key, { to: 1 }]));
    existing
      .when({ type: 'ChangeMetadata', patch })
      .then([{ type: 'DeviceMetadataChanged', data: { changes } }]);
    const longest = 'x'.repeat(8_190);
    existing
      .when({ type: 'ChangeMetadata', patch: { big: longest } })
      .then([{ type: 'DeviceMetadataChanged', data: { changes: { big: { to: longest } } } }]);
  });
});

describe('DeleteMetadataKey', () => {
  it('removes the key', () =>
    existing
      .when(
        { type: 'DeleteMetadataKey', key: 'floor' },
        { notIdempotentBecause: 'the contract answers metadata-key-not-found to the second' },
      )
      .then([{ type: 'DeviceMetadataChanged', data: { changes: { floor: { from: 3 } } } }]));
  it('refuses a key that is not there', () => {
    for (const key of ['room', 'constructor']) {
      existing.when({ type: 'DeleteMetadataKey', key }).thenThrows('metadata-key-not-found');
    }
  });
});

describe('IssueToken', () => {
  it('issues another', () =>
    existing
      .when({ type: 'IssueToken', tokenId: 'token-2', hint: 'wxyz', at })
      .then([{ type: 'EndpointTokenIssued', data: { tokenId: 'token-2', hint: 'wxyz', issuedAt: at } }]));
});

describe('ChangeTokenStatus', () => {
  const change = (to: 'active' | 'suspended' | 'revoked', tokenId = 'token-1') =>
    ({ type: 'ChangeTokenStatus', tokenId, status: to }) as const;
  const suspended = status('active', 'suspended');
  const revoked = status('active', 'revoked');

  it('follows the life of a token', () => {
    existing.when(change('active')).then([active]);
    existing.when(change('suspended')).then([status('inactive', 'suspended')]);
    subject.given([provisioned, issued, active]).when(change('suspended')).then([suspended]);
    subject
      .given([provisioned, issued, active, suspended])
      .when(change('active'))
      .then([status('suspended', 'active')]);
    subject.given([provisioned, issued, active]).when(change('revoked')).then([revoked]);
  });
  it('does nothing for a status the token has', () =>
    subject.given([provisioned, issued, active, revoked]).when(change('revoked')).then([]));
  it('leaves a revoked token revoked', () => {
    for (const to of ['active', 'suspended'] as const) {
      subject.given([provisioned, issued, active, revoked]).when(change(to)).thenThrows('token-status-final');
    }
  });
  it('refuses a token of nobody', () => {
    existing.when(change('active', 'token-9')).thenThrows('token-not-found');
    existing.when(change('active', 'constructor')).thenThrows('token-not-found');
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
  it('does nothing for what is known', () =>
    subject.given([provisioned, issued, active]).when(sighting('radiator-v1')).then([]));
  it('does nothing for a token that opens nothing', () => {
    for (const to of ['suspended', 'revoked'] as const) {
      subject
        .given([provisioned, issued, status('inactive', to)])
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

describe('a device that is not there, or not any more', () => {
  const commands: DeviceCommand[] = [
    { type: 'EditDevice', name: 'x' },
    { type: 'ChangeMetadata', patch: {} },
    { type: 'DeleteMetadataKey', key: 'floor' },
    { type: 'IssueToken', tokenId: 't', hint: 'abcd', at },
    { type: 'ChangeTokenStatus', tokenId: 'token-1', status: 'active' },
    { type: 'RecordSighting', tokenId: 'token-1', appVersion: { name: 'x', deviceTypeId: 'type-1' } },
  ];
  it.each(commands)('answers device-not-found to $type', (command) => {
    subject.given([]).when(command).thenThrows('device-not-found');
    subject.given([provisioned, issued, deleted]).when(command).thenThrows('device-not-found');
  });
});
