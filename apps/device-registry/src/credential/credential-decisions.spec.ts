import { describe, it } from '@jest/globals';
import type { CredentialKind, DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import { scenario } from '@muster/testing';
import { device, type DeviceCommand } from '../device/device.decider.js';
import type { DeviceEvent } from '../device/device.events.js';
import { at, provision as radiator, provisionedAs, tokenIssued } from '../device/radiator.fixture.js';

const provision = (over: DeviceInterface, kind: CredentialKind | undefined): DeviceCommand => ({
  ...radiator,
  interface: over,
  credential: { kind, credentialId: 'secret-1' },
});
const issued = (credentialId: string): DeviceEvent => ({
  type: 'CredentialIssued',
  data: { credentialId, kind: 'secret', issuedAt: at },
});
const revoked = (credentialId: string): DeviceEvent => ({
  type: 'CredentialStatusChanged',
  data: { credentialId, kind: 'secret', from: 'active', to: 'revoked' },
});
const issue = (credentialId: string, kind: CredentialKind = 'secret') =>
  ({ type: 'IssueCredential', credentialId, kind, at }) as const;
const change = (credentialId: string, status: 'active' | 'revoked') =>
  ({ type: 'ChangeCredentialStatus', credentialId, status }) as const;
const subject = scenario(device);
const overHttp = [provisionedAs('http'), tokenIssued, issued('secret-1')];

describe('ProvisionDevice', () => {
  it('issues a secret to an HTTP device, asked for or not', () => {
    for (const kind of ['secret', undefined] as const) {
      subject.given([]).when(provision('http', kind)).then(overHttp);
    }
  });
  it('issues none to the others', () => {
    for (const over of ['mqtt', 'iothub'] as const) {
      for (const kind of ['token', undefined] as const) {
        subject
          .given([])
          .when(provision(over, kind))
          .then([provisionedAs(over), tokenIssued]);
      }
    }
  });
  it('refuses a kind that does not go with the interface', () => {
    subject.given([]).when(provision('http', 'token')).thenThrows('invalid-request');
    subject.given([]).when(provision('mqtt', 'secret')).thenThrows('invalid-request');
    subject.given([]).when(provision('iothub', 'secret')).thenThrows('invalid-request');
  });
});

describe('IssueCredential', () => {
  it('issues a second secret, so that a device can be moved to it', () =>
    subject
      .given(overHttp)
      .when(issue('secret-2'))
      .then([issued('secret-2')]));
  it('refuses a third active one, and issues it when one is revoked', () => {
    const two = [...overHttp, issued('secret-2')];
    subject.given(two).when(issue('secret-3')).thenThrows('credential-limit-reached');
    subject
      .given([...two, revoked('secret-1')])
      .when(issue('secret-3'))
      .then([issued('secret-3')]);
  });
  it('refuses what does not go with the interface, and tokens always', () => {
    const overMqtt = subject.given([provisionedAs('mqtt'), tokenIssued]);
    overMqtt.when(issue('secret-1')).thenThrows('invalid-request');
    overMqtt.when(issue('secret-1', 'token')).thenThrows('invalid-request');
    subject.given(overHttp).when(issue('secret-2', 'token')).thenThrows('invalid-request');
  });
});

describe('ChangeCredentialStatus', () => {
  it('revokes, also the last', () =>
    subject
      .given(overHttp)
      .when(change('secret-1', 'revoked'))
      .then([revoked('secret-1')]));
  it('does nothing for a status the credential has', () => {
    subject.given(overHttp).when(change('secret-1', 'active')).then([]);
    subject
      .given([...overHttp, revoked('secret-1')])
      .when(change('secret-1', 'revoked'))
      .then([]);
  });
  it('leaves a revoked one revoked', () =>
    subject
      .given([...overHttp, revoked('secret-1')])
      .when(change('secret-1', 'active'))
      .thenThrows('credential-status-final'));
  it('refuses a credential of nobody', () => {
    for (const id of ['secret-9', 'constructor', 'token-1']) {
      subject.given(overHttp).when(change(id, 'revoked')).thenThrows('credential-not-found');
    }
  });
});

describe('RemoveCredential', () => {
  const remove = { type: 'RemoveCredential', credentialId: 'secret-1' } as const;
  it('takes a revoked one away', () => {
    const removed = { type: 'CredentialRemoved', data: { credentialId: 'secret-1' } } as const;
    subject
      .given([...overHttp, revoked('secret-1')])
      .when(remove)
      .then([removed]);
    subject
      .given([...overHttp, revoked('secret-1'), removed])
      .when(remove)
      .then([]);
  });
  it('refuses one that may still open something', () =>
    subject.given(overHttp).when(remove).thenThrows('credential-not-revoked'));
});

describe('a device that is not there', () => {
  it('answers device-not-found', () => {
    subject.given([]).when(issue('secret-1')).thenThrows('device-not-found');
    subject.given([]).when(change('secret-1', 'revoked')).thenThrows('device-not-found');
  });
});
