import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { device } from '../device/device.decider.js';
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

describe('ChangeTokenStatus', () => {
  const change = (to: 'active' | 'suspended' | 'revoked', tokenId = 'token-1') =>
    ({ type: 'ChangeTokenStatus', tokenId, status: to }) as const;
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
