import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { device } from '../device/device.decider.js';
import type { DeviceEvent } from '../device/device.events.js';
import { at, provisioned, tokenIssued, tokenStatus } from '../device/radiator.fixture.js';

const active = tokenStatus('inactive', 'active');
const subject = scenario(device);
const existing = subject.given([provisioned, tokenIssued]);

describe('IssueToken', () => {
  it('issues another', () =>
    existing
      .when({ type: 'IssueToken', tokenId: 'token-2', hint: 'wxyz', at })
      .then([{ type: 'EndpointTokenIssued', data: { tokenId: 'token-2', hint: 'wxyz', issuedAt: at } }]));
});

describe('the time of a token', () => {
  const limited: DeviceEvent = {
    type: 'EndpointTokenIssued',
    data: { tokenId: 'token-2', hint: 'wxyz', issuedAt: at, validUntil: '2026-12-01T00:00:00.000Z' },
  };
  const given = subject.given([provisioned, tokenIssued, limited]);
  const edit = { type: 'EditToken', tokenId: 'token-2', at } as const;
  const observe = (when: string) => ({ type: 'ObserveToken', tokenId: 'token-2', at: when }) as const;

  it('is given with it, and moved later', () => {
    existing
      .when({
        type: 'IssueToken',
        tokenId: 'token-2',
        hint: 'wxyz',
        at,
        validUntil: '2026-12-01T01:00:00+01:00',
      })
      .then([limited]);
    given.when({ ...edit, validUntil: null }).then([
      {
        type: 'EndpointTokenValidityChanged',
        data: {
          tokenId: 'token-2',
          status: 'inactive',
          from: { validUntil: '2026-12-01T00:00:00.000Z' },
          to: {},
          changedAt: at,
        },
      },
    ]);
    given.when({ ...edit, validUntil: '2026-12-01T00:00:00Z' }).then([]);
    given.when({ ...edit, validUntil: '2026-01-01T00:00:00Z' }).thenThrows('invalid-request');
    given.when({ ...edit, validFrom: '2027-01-01T00:00:00Z' }).thenThrows('invalid-request');
  });
  it('is told when it is over, once', () => {
    const expired: DeviceEvent = {
      type: 'EndpointTokenExpired',
      data: { tokenId: 'token-2', status: 'inactive', validUntil: '2026-12-01T00:00:00.000Z' },
    };
    given.when(observe('2026-11-30T00:00:00.000Z')).then([]);
    given.when(observe('2026-12-01T00:00:00.000Z')).then([expired]);
    subject
      .given([provisioned, tokenIssued, limited, expired])
      .when(observe('2026-12-02T00:00:00.000Z'))
      .then([]);
    existing.when({ type: 'ObserveToken', tokenId: 'token-1', at }).then([]);
  });
});

describe('RemoveToken', () => {
  it('takes a revoked one away', () => {
    const revoked = subject.given([provisioned, tokenIssued, tokenStatus('inactive', 'revoked')]);
    const removed = { type: 'EndpointTokenRemoved', data: { tokenId: 'token-1' } } as const;
    revoked.when({ type: 'RemoveToken', tokenId: 'token-1' }).then([removed]);
    subject
      .given([provisioned, tokenIssued, tokenStatus('inactive', 'revoked'), removed])
      .when({ type: 'RemoveToken', tokenId: 'token-1' })
      .then([]);
  });
  it('refuses one that may still open something', () =>
    existing.when({ type: 'RemoveToken', tokenId: 'token-1' }).thenThrows('token-not-revoked'));
});

describe('EditToken', () => {
  const change = (to: 'active' | 'suspended' | 'revoked', tokenId = 'token-1') =>
    ({ type: 'EditToken', tokenId, status: to, at }) as const;
  const suspended = tokenStatus('active', 'suspended');
  const revoked = tokenStatus('active', 'revoked');

  it('follows the life of a token', () => {
    existing.when(change('active')).then([active]);
    existing.when(change('suspended')).then([tokenStatus('inactive', 'suspended')]);
    subject.given([provisioned, tokenIssued, active]).when(change('suspended')).then([suspended]);
    subject
      .given([provisioned, tokenIssued, active, suspended])
      .when(change('active'))
      .then([tokenStatus('suspended', 'active')]);
    subject.given([provisioned, tokenIssued, active]).when(change('revoked')).then([revoked]);
  });
  it('does nothing for a status the token has', () =>
    subject.given([provisioned, tokenIssued, active, revoked]).when(change('revoked')).then([]));
  it('leaves a revoked token revoked', () => {
    for (const to of ['active', 'suspended'] as const) {
      subject
        .given([provisioned, tokenIssued, active, revoked])
        .when(change(to))
        .thenThrows('token-status-final');
    }
  });
  it('refuses a token of nobody', () => {
    existing.when(change('active', 'token-9')).thenThrows('token-not-found');
    existing.when(change('active', 'constructor')).thenThrows('token-not-found');
  });
});
