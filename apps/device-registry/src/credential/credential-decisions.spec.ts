import { describe, expect, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { device, type DeviceCommand } from '../device/device.decider.js';
import type { DeviceEvent, IssuedKind } from '../device/device.events.js';
import {
  at,
  provision as radiator,
  provisioned,
  provisionedAs,
  tokenIssued,
} from '../device/radiator.fixture.js';
import { firstKind, type NewCredential } from './credential-decisions.js';

const later = '2026-11-20T12:00:00.000Z';
const soon = '2026-11-20T11:30:00.000Z';
const fresh = (credentialId: string, kind: IssuedKind = 'secret'): NewCredential => ({
  credentialId,
  kind,
  status: 'active',
  validity: {},
  facts: {},
});
const issued = (credentialId: string, kind: IssuedKind = 'secret', more: object = {}): DeviceEvent => ({
  type: 'CredentialIssued',
  data: { credentialId, kind, issuedAt: at, ...more },
});
const turned = (
  credentialId: string,
  from: 'active' | 'suspended',
  to: 'active' | 'suspended' | 'revoked',
): DeviceEvent => ({
  type: 'CredentialStatusChanged',
  data: { credentialId, kind: 'secret', from, to, opens: to === 'active' },
});
const revoked = (credentialId: string): DeviceEvent => turned(credentialId, 'active', 'revoked');
const issue = (credentialId: string, kind: IssuedKind = 'secret'): DeviceCommand => ({
  type: 'IssueCredential',
  ...fresh(credentialId, kind),
  at,
});
const change = (credentialId: string, status: 'active' | 'suspended' | 'revoked') =>
  ({ type: 'EditCredential', credentialId, status, at }) as const;
const subject = scenario(device);
const overHttp = [provisionedAs('http'), tokenIssued, issued('secret-1')];
const overMqtt = [provisionedAs('mqtt'), tokenIssued];

describe('ProvisionDevice', () => {
  it('issues what it is given', () =>
    subject
      .given([])
      .when({ ...radiator, interface: 'http', credential: fresh('secret-1') })
      .then(overHttp));
  it('makes a device of what is better than its token not one of its token alone', () => {
    const [made] = device.decide({ ...radiator, credential: fresh('c1', 'password') }, device.initial);
    expect(made).toMatchObject({ type: 'DeviceProvisioned', data: { tokenOnly: false } });
    const [plain] = device.decide(radiator, device.initial);
    expect(plain?.data).not.toHaveProperty('tokenOnly');
  });
});

describe('the first kind', () => {
  it('is that of the interface', () => {
    expect([firstKind('http', undefined), firstKind('mqtt', null), firstKind('iothub', undefined)]).toEqual([
      'secret',
      'token',
      'token',
    ]);
    expect(firstKind('mqtt', 'self-signed')).toBe('self-signed');
  });
  it.each([
    ['http', 'token'],
    ['http', 'password'],
    ['http', 'ca-signed'],
    ['mqtt', 'secret'],
    ['iothub', 'password'],
  ] as const)('of %s is not %s', (over, kind) => expect(() => firstKind(over, kind)).toThrow('must be'));
});

describe('IssueCredential', () => {
  it('issues a second one, so that a device can be moved to it', () =>
    subject
      .given(overHttp)
      .when(issue('secret-2'))
      .then([issued('secret-2')]));
  it('refuses a third open one of a kind, and issues it when one is revoked', () => {
    const two = [...overHttp, issued('secret-2')];
    subject.given(two).when(issue('secret-3')).thenThrows('credential-limit-reached');
    subject
      .given([...two, turned('secret-1', 'active', 'suspended')])
      .when(issue('secret-3'))
      .thenThrows('credential-limit-reached');
    subject
      .given([...two, revoked('secret-1')])
      .when(issue('secret-3'))
      .then([issued('secret-3')]);
  });
  it('counts each kind by itself, and not what is over', () => {
    const two = [...overMqtt, issued('p1', 'password'), issued('p2', 'password', { validUntil: later })];
    subject
      .given(two)
      .when(issue('c1', 'self-signed'))
      .then([issued('c1', 'self-signed')]);
    subject.given(two).when(issue('p3', 'password')).thenThrows('credential-limit-reached');
    subject
      .given(two)
      .when({ type: 'IssueCredential', ...fresh('p3', 'password'), at: later })
      .then([{ type: 'CredentialIssued', data: { credentialId: 'p3', kind: 'password', issuedAt: later } }]);
  });
  it('refuses what does not go with the interface', () => {
    subject.given(overMqtt).when(issue('secret-1')).thenThrows('invalid-request');
    subject.given(overHttp).when(issue('c1', 'ca-signed')).thenThrows('invalid-request');
    subject
      .given([provisionedAs('iothub'), tokenIssued])
      .when(issue('c1', 'password'))
      .thenThrows('invalid-request');
  });
});

describe('RotateCredential', () => {
  const rotate = (overlapSeconds: number) =>
    ({
      type: 'RotateCredential',
      credentialId: 'secret-1',
      next: fresh('secret-2'),
      overlapSeconds,
      at,
    }) as const;
  const ends = (from: object, validUntil: string): DeviceEvent => ({
    type: 'CredentialValidityChanged',
    data: {
      credentialId: 'secret-1',
      kind: 'secret',
      status: 'active',
      from,
      to: { validUntil },
      changedAt: at,
    },
  });

  it('lets both open for a while', () =>
    subject
      .given(overHttp)
      .when(rotate(7_200))
      .then([issued('secret-2'), ends({}, later)]));
  it('leaves an end that comes before', () => {
    const soon = '2026-11-20T10:30:00.000Z';
    subject
      .given([provisionedAs('http'), tokenIssued, issued('secret-1', 'secret', { validUntil: soon })])
      .when(rotate(7_200))
      .then([issued('secret-2')]);
  });
  it('revokes the one before where nothing is to overlap, also when two are open', () => {
    subject
      .given(overHttp)
      .when(rotate(0))
      .then([revoked('secret-1'), issued('secret-2')]);
    subject
      .given([...overHttp, issued('secret-0')])
      .when(rotate(0))
      .then([revoked('secret-1'), issued('secret-2')]);
    subject
      .given([...overHttp, issued('secret-0')])
      .when(rotate(60))
      .thenThrows('credential-limit-reached');
  });
  it('refuses one that is revoked or of nobody', () => {
    subject
      .given([...overHttp, revoked('secret-1')])
      .when(rotate(0))
      .thenThrows('credential-status-final');
    subject.given(overMqtt).when(rotate(0)).thenThrows('credential-not-found');
  });
});

describe('EditCredential', () => {
  it('suspends, reactivates, revokes, also the last', () => {
    subject
      .given(overHttp)
      .when(change('secret-1', 'suspended'))
      .then([turned('secret-1', 'active', 'suspended')]);
    subject
      .given([...overHttp, turned('secret-1', 'active', 'suspended')])
      .when(change('secret-1', 'active'))
      .then([turned('secret-1', 'suspended', 'active')]);
    subject
      .given(overHttp)
      .when(change('secret-1', 'revoked'))
      .then([revoked('secret-1')]);
  });
  it('does nothing for what is so already', () => {
    subject.given(overHttp).when(change('secret-1', 'active')).then([]);
    subject
      .given([...overHttp, revoked('secret-1')])
      .when(change('secret-1', 'revoked'))
      .then([]);
  });
  it('changes the time, and says that a reactivated one whose time is over opens nothing', () => {
    const ended: DeviceEvent = {
      type: 'CredentialValidityChanged',
      data: {
        credentialId: 'secret-1',
        kind: 'secret',
        status: 'active',
        from: {},
        to: { validUntil: later },
        changedAt: at,
      },
    };
    subject
      .given(overHttp)
      .when({ type: 'EditCredential', credentialId: 'secret-1', validUntil: later, at })
      .then([ended]);
    subject
      .given([...overHttp, ended, turned('secret-1', 'active', 'suspended')])
      .when({ ...change('secret-1', 'active'), at: later })
      .then([
        {
          type: 'CredentialStatusChanged',
          data: { credentialId: 'secret-1', kind: 'secret', from: 'suspended', to: 'active', opens: false },
        },
      ]);
  });
  it('refuses an end that is over already: there is revoking for that', () =>
    subject
      .given(overHttp)
      .when({ type: 'EditCredential', credentialId: 'secret-1', validUntil: at, at })
      .thenThrows('invalid-request'));
  it('refuses a time that ends before it begins', () =>
    subject
      .given(overHttp)
      .when({ type: 'EditCredential', credentialId: 'secret-1', validFrom: later, validUntil: soon, at })
      .thenThrows('invalid-request'));
  it('leaves a revoked one as it is', () => {
    const gone = subject.given([...overHttp, revoked('secret-1')]);
    gone.when(change('secret-1', 'active')).thenThrows('credential-status-final');
    gone
      .when({ type: 'EditCredential', credentialId: 'secret-1', validUntil: later, at })
      .thenThrows('credential-status-final');
  });
  it('refuses a credential of nobody', () => {
    for (const id of ['secret-9', 'constructor', 'token-1']) {
      subject.given(overHttp).when(change(id, 'revoked')).thenThrows('credential-not-found');
    }
  });
});

describe('ObserveCredential', () => {
  const [begin, end] = ['2026-11-20T11:00:00.000Z', later];
  const given = subject.given([...overMqtt, issued('p1', 'password', { validFrom: begin, validUntil: end })]);
  const observe = (when: string) => ({ type: 'ObserveCredential', credentialId: 'p1', at: when }) as const;
  const data = {
    credentialId: 'p1',
    kind: 'password',
    status: 'active',
    validFrom: begin,
    validUntil: end,
  } as const;

  it('tells once that its time has come, and once that it is over', () => {
    given.when(observe(at)).then([]);
    given.when(observe(begin)).then([{ type: 'CredentialBegan', data }]);
    given.when(observe(end)).then([{ type: 'CredentialExpired', data }]);
  });
  it('says nothing of one that is gone', () => subject.given(overMqtt).when(observe(end)).then([]));
});

describe('EditDevice', () => {
  const standing = (from: 'pending' | 'active' | 'suspended', to: 'active' | 'suspended'): DeviceEvent => ({
    type: 'DeviceStandingChanged',
    data: { from, to },
  });
  const pending = { ...provisioned, data: { ...provisioned.data, status: 'pending' } } as DeviceEvent;

  it('suspends, reactivates and approves', () => {
    subject
      .given([provisioned])
      .when({ type: 'EditDevice', status: 'suspended' })
      .then([standing('active', 'suspended')]);
    subject
      .given([provisioned, standing('active', 'suspended')])
      .when({ type: 'EditDevice', status: 'active' })
      .then([standing('suspended', 'active')]);
    subject
      .given([pending])
      .when({ type: 'EditDevice', status: 'active' })
      .then([standing('pending', 'active')]);
  });
  it('does not suspend what waits for an approval', () =>
    subject.given([pending]).when({ type: 'EditDevice', status: 'suspended' }).thenThrows('device-status'));
  it('says whether the token is enough, but not over HTTP', () => {
    subject
      .given([provisioned])
      .when({ type: 'EditDevice', tokenOnly: false })
      .then([{ type: 'DeviceTokenOnlyChanged', data: { from: true, to: false } }]);
    subject.given(overHttp).when({ type: 'EditDevice', tokenOnly: false }).then([]);
    subject.given(overHttp).when({ type: 'EditDevice', tokenOnly: true }).thenThrows('invalid-request');
  });
  it('follows the interface: over HTTP it is never so, and back over MQTT it must be said', () => {
    const changed = (from: 'mqtt' | 'http', to: 'mqtt' | 'http'): DeviceEvent => ({
      type: 'DeviceInterfaceChanged',
      data: { from, to },
    });
    const tokenOnly = (from: boolean, to: boolean): DeviceEvent => ({
      type: 'DeviceTokenOnlyChanged',
      data: { from, to },
    });
    const overMqtt = subject.given([provisioned, tokenIssued]);
    overMqtt
      .when({ type: 'EditDevice', interface: 'http' })
      .then([changed('mqtt', 'http'), tokenOnly(true, false)]);
    overMqtt.when({ type: 'EditDevice', interface: 'http', tokenOnly: true }).thenThrows('invalid-request');
    overMqtt.when({ type: 'EditDevice', interface: 'mqtt' }).then([]);
    const http = subject.given(overHttp);
    http.when({ type: 'EditDevice', interface: 'mqtt' }).then([changed('http', 'mqtt')]);
    http
      .when({ type: 'EditDevice', interface: 'mqtt', tokenOnly: true })
      .then([changed('http', 'mqtt'), tokenOnly(false, true)]);
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
