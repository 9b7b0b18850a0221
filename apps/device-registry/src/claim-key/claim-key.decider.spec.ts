import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { claimKey, type ClaimKeyCommand } from './claim-key.decider.js';
import type { ClaimKeyEvent, Summary } from './claim-key.events.js';

const at = '2026-11-28T10:00:00.000Z';
const validUntil = '2026-11-29T10:00:00.000Z';
const device = { deviceTypeId: 't1', interface: 'mqtt', folder: '/', tags: [] } as const;
const issue: ClaimKeyCommand = {
  type: 'IssueClaimKey',
  name: 'line 4',
  hint: 'abcd',
  device,
  limit: 2,
  validUntil,
  at,
};
const open: Summary = { name: 'line 4', status: 'active', opens: true, enrolled: 0 };
const issued: ClaimKeyEvent = {
  type: 'ClaimKeyIssued',
  data: {
    name: 'line 4',
    hint: 'abcd',
    device,
    limit: 2,
    validity: { validUntil },
    issuedAt: at,
    summary: open,
  },
};
const enrolled = (deviceId: string, count: number): ClaimKeyEvent => ({
  type: 'ClaimKeyEnrolledDevice',
  data: { deviceId, name: deviceId, summary: { ...open, enrolled: count, opens: count < 2 } },
});
const turned = (from: 'active' | 'suspended', to: 'active' | 'suspended' | 'revoked'): ClaimKeyEvent => ({
  type: 'ClaimKeyStatusChanged',
  data: { from, to, summary: { ...open, status: to, opens: to === 'active' } },
});
const deleted: ClaimKeyEvent = { type: 'ClaimKeyDeleted', data: { name: 'line 4' } };
const subject = scenario(claimKey);
const existing = subject.given([issued]);

describe('IssueClaimKey', () => {
  it('issues one', () => {
    subject.given([]).when(issue).then([issued]);
    existing.when(issue).then([]);
  });
  it('refuses a time that ends before it begins', () =>
    subject
      .given([])
      .when({ ...issue, validFrom: '2026-12-01T00:00:00.000Z' })
      .thenThrows('invalid-request'));
});

describe('FollowFolder', () => {
  const follow: ClaimKeyCommand = { type: 'FollowFolder', folder: '/lyon', at };
  const followed: ClaimKeyEvent = {
    type: 'ClaimKeyFolderChanged',
    data: { from: '/', to: '/lyon', summary: open },
  };
  it('changes where its devices will be, once', () => {
    existing.when(follow).then([followed]);
    subject.given([issued, followed]).when(follow).then([]);
  });
  it('refuses one that is not there', () => {
    subject.given([]).when(follow).thenThrows('claim-key-not-found');
  });
});

describe('EditClaimKey', () => {
  const edit = (more: object): ClaimKeyCommand => ({ type: 'EditClaimKey', at, ...more });
  it('suspends, reactivates, revokes, which is final', () => {
    existing.when(edit({ standing: 'suspended' })).then([turned('active', 'suspended')]);
    subject
      .given([issued, turned('active', 'suspended')])
      .when(edit({ standing: 'active' }))
      .then([turned('suspended', 'active')]);
    subject
      .given([issued, turned('active', 'revoked')])
      .when(edit({ standing: 'active' }))
      .thenThrows('claim-key-status-final');
    subject
      .given([issued, turned('active', 'revoked')])
      .when(edit({ standing: 'revoked' }))
      .then([]);
  });
  it('tells each change with what is true after it', () =>
    subject
      .given([issued, enrolled('d1', 1)])
      .when(edit({ name: 'line 5', limit: 1, validUntil: '2026-11-28T12:00:00Z' }))
      .then([
        {
          type: 'ClaimKeyRenamed',
          data: { from: 'line 4', to: 'line 5', summary: { ...open, name: 'line 5', enrolled: 1 } },
        },
        {
          type: 'ClaimKeyLimitChanged',
          data: { from: 2, to: 1, summary: { ...open, name: 'line 5', enrolled: 1, opens: false } },
        },
        {
          type: 'ClaimKeyValidityChanged',
          data: {
            from: { validUntil },
            to: { validUntil: '2026-11-28T12:00:00.000Z' },
            summary: { ...open, name: 'line 5', enrolled: 1, opens: false },
          },
        },
      ]));
  it('refuses one that is not there', () =>
    subject
      .given([issued, deleted])
      .when(edit({ limit: 5 }))
      .thenThrows('claim-key-not-found'));
});

describe('EnrolDevice', () => {
  const enrol = (deviceId: string, when = at): ClaimKeyCommand => ({
    type: 'EnrolDevice',
    deviceId,
    name: deviceId,
    at: when,
  });
  const again = { notIdempotentBecause: 'each device has an id of its own, and is counted' };
  it('counts up to the limit', () => {
    existing.when(enrol('d1'), again).then([enrolled('d1', 1)]);
    subject
      .given([issued, enrolled('d1', 1)])
      .when(enrol('d2'), again)
      .then([enrolled('d2', 2)]);
    subject
      .given([issued, enrolled('d1', 1), enrolled('d2', 2)])
      .when(enrol('d3'))
      .thenThrows('enrolment-limit-reached');
  });
  it('refuses when it is closed', () => {
    subject
      .given([issued, turned('active', 'suspended')])
      .when(enrol('d1'))
      .thenThrows('claim-key-closed');
    existing.when(enrol('d1', validUntil)).thenThrows('claim-key-closed');
    subject.given([issued, deleted]).when(enrol('d1')).thenThrows('claim-key-not-found');
  });
});

describe('DeleteClaimKey', () => {
  it('ends it, once', () => {
    existing.when({ type: 'DeleteClaimKey' }).then([deleted]);
    subject.given([issued, deleted]).when({ type: 'DeleteClaimKey' }).then([]);
    subject.given([]).when({ type: 'DeleteClaimKey' }).thenThrows('claim-key-not-found');
  });
});
