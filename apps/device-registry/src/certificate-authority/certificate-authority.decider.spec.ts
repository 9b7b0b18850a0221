import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { certificateAuthority, type CertificateAuthorityCommand } from './certificate-authority.decider.js';
import type { CertificateAuthorityEvent, EnrolmentRule, Summary } from './certificate-authority.events.js';

const at = '2026-11-28T10:00:00.000Z';
const late = '2027-12-01T00:00:00.000Z';
const certified = { validFrom: '2026-01-01T00:00:00.000Z', validUntil: '2027-06-01T00:00:00.000Z' };
const rule: EnrolmentRule = { deviceTypeId: 't1', folder: '/', tags: [], enabled: true, limit: 2 };
const register: CertificateAuthorityCommand = {
  type: 'RegisterCertificateAuthority',
  name: 'factory',
  certificate: 'PEM',
  sha256: '5f',
  distinguishedName: 'CN=factory',
  certified,
  subject: { from: 'cn', is: 'name' },
  enrolment: rule,
  verificationCode: 'nonce',
  at,
};
const closed: Summary = { name: 'factory', status: 'unverified', opens: false, enrols: false };
const open: Summary = { name: 'factory', status: 'active', opens: true, enrols: true };
const registered: CertificateAuthorityEvent = {
  type: 'CertificateAuthorityRegistered',
  data: {
    name: 'factory',
    certificate: 'PEM',
    sha256: '5f',
    distinguishedName: 'CN=factory',
    certified,
    validity: {},
    subject: { from: 'cn', is: 'name' },
    enrolment: rule,
    verificationCode: 'nonce',
    registeredAt: at,
    summary: closed,
  },
};
const verified: CertificateAuthorityEvent = {
  type: 'CertificateAuthorityVerified',
  data: { sha256: '5f', verifiedAt: at, summary: open },
};
const turned = (
  from: 'unverified' | 'active' | 'suspended',
  to: 'active' | 'suspended' | 'revoked',
): CertificateAuthorityEvent => ({
  type: 'CertificateAuthorityStatusChanged',
  data: {
    from,
    to,
    summary: { name: 'factory', status: to, opens: to === 'active', enrols: to === 'active' },
  },
});
const enrolled = (deviceId: string): CertificateAuthorityEvent => ({
  type: 'CertificateAuthorityEnrolledDevice',
  data: { deviceId, subject: `s-${deviceId}`, summary: open },
});
const deleted: CertificateAuthorityEvent = {
  type: 'CertificateAuthorityDeleted',
  data: { name: 'factory' },
};
const subject = scenario(certificateAuthority);
const stands = [registered, verified];

describe('RegisterCertificateAuthority', () => {
  it('registers one that opens nothing yet', () => {
    subject.given([]).when(register).then([registered]);
    subject.given([registered]).when(register).then([]);
  });
  it('refuses a time that is over, or ends before it begins', () => {
    subject
      .given([])
      .when({ ...register, validUntil: at })
      .thenThrows('invalid-request');
    subject
      .given([])
      .when({ ...register, validFrom: late, validUntil: late })
      .thenThrows('invalid-request');
  });
});

describe('VerifyCertificateAuthority', () => {
  it('opens, once', () => {
    subject.given([registered]).when({ type: 'VerifyCertificateAuthority', at }).then([verified]);
    subject.given(stands).when({ type: 'VerifyCertificateAuthority', at }).then([]);
  });
  it('leaves a revoked one revoked', () =>
    subject
      .given([registered, turned('unverified', 'revoked')])
      .when({ type: 'VerifyCertificateAuthority', at })
      .thenThrows('certificate-authority-status'));
});

describe('EditCertificateAuthority', () => {
  const edit = (more: object): CertificateAuthorityCommand => ({
    type: 'EditCertificateAuthority',
    at,
    ...more,
  });

  it('suspends, reactivates, revokes', () => {
    subject
      .given(stands)
      .when(edit({ standing: 'suspended' }))
      .then([turned('active', 'suspended')]);
    subject
      .given([...stands, turned('active', 'suspended')])
      .when(edit({ standing: 'active' }))
      .then([turned('suspended', 'active')]);
    subject
      .given(stands)
      .when(edit({ standing: 'revoked' }))
      .then([turned('active', 'revoked')]);
  });
  it('does not open one whose key nobody has shown, but revokes it', () => {
    subject
      .given([registered])
      .when(edit({ standing: 'active' }))
      .thenThrows('certificate-authority-status');
    subject
      .given([registered])
      .when(edit({ standing: 'revoked' }))
      .then([turned('unverified', 'revoked')]);
  });
  it('leaves a revoked one revoked', () =>
    subject
      .given([...stands, turned('active', 'revoked')])
      .when(edit({ standing: 'active' }))
      .thenThrows('certificate-authority-status'));
  it('tells each change with what is true after it', () => {
    const off = { ...rule, enabled: false };
    const validity = { validUntil: '2026-12-01T00:00:00.000Z' };
    const after = { name: 'plant', status: 'active', opens: true } as const;
    subject
      .given(stands)
      .when(
        edit({
          name: 'plant',
          subject: { from: 'san-dns', is: 'serialNumber' },
          enrolment: off,
          ...validity,
        }),
      )
      .then([
        {
          type: 'CertificateAuthorityRenamed',
          data: { from: 'factory', to: 'plant', summary: { ...after, enrols: true } },
        },
        {
          type: 'CertificateAuthoritySubjectRuleChanged',
          data: {
            from: { from: 'cn', is: 'name' },
            to: { from: 'san-dns', is: 'serialNumber' },
            summary: { ...after, enrols: true },
          },
        },
        {
          type: 'CertificateAuthorityEnrolmentChanged',
          data: { from: rule, to: off, summary: { ...after, enrols: false } },
        },
        {
          type: 'CertificateAuthorityValidityChanged',
          data: {
            from: {},
            to: validity,
            inEffect: { ...certified, ...validity },
            changedAt: at,
            summary: { ...after, enrols: false },
          },
        },
      ]);
    subject
      .given(stands)
      .when(edit({ name: 'factory', enrolment: rule, standing: 'active' }))
      .then([]);
  });
});

describe('EnrolDevice', () => {
  const enrol = (when = at): CertificateAuthorityCommand => ({
    type: 'EnrolDevice',
    deviceId: 'd9',
    subject: 's-d9',
    at: when,
  });
  /** Each is another device: the id is new. */
  const again = { notIdempotentBecause: 'each device has an id of its own, and is counted' };

  it('counts up to the limit', () => {
    subject
      .given(stands)
      .when(enrol(), again)
      .then([enrolled('d9')]);
    subject
      .given([...stands, enrolled('d1')])
      .when(enrol(), again)
      .then([enrolled('d9')]);
    subject
      .given([...stands, enrolled('d1'), enrolled('d2')])
      .when(enrol())
      .thenThrows('enrolment-limit-reached');
  });
  it('refuses without a rule, with one that is off, and where nothing opens', () => {
    const changed = (to: EnrolmentRule | null): CertificateAuthorityEvent => ({
      type: 'CertificateAuthorityEnrolmentChanged',
      data: { from: rule, to, summary: open },
    });
    subject
      .given([...stands, changed(null)])
      .when(enrol())
      .thenThrows('certificate-unknown');
    subject
      .given([...stands, changed({ ...rule, enabled: false })])
      .when(enrol())
      .thenThrows('enrolment-disabled');
    subject.given([registered]).when(enrol()).thenThrows('certificate-authority-closed');
    subject
      .given([...stands, turned('active', 'suspended')])
      .when(enrol())
      .thenThrows('certificate-authority-closed');
    subject.given(stands).when(enrol(late)).thenThrows('certificate-authority-closed');
    subject.given([]).when(enrol()).thenThrows('certificate-authority-not-found');
  });
});

describe('ObserveCertificateAuthority', () => {
  it('tells once that its time is over', () => {
    subject.given(stands).when({ type: 'ObserveCertificateAuthority', at }).then([]);
    subject
      .given(stands)
      .when({ type: 'ObserveCertificateAuthority', at: late })
      .then([
        {
          type: 'CertificateAuthorityExpired',
          data: { validity: certified, summary: { ...open, opens: false, enrols: false } },
        },
      ]);
    subject
      .given([...stands, deleted])
      .when({ type: 'ObserveCertificateAuthority', at: late })
      .then([]);
  });
});

describe('DeleteCertificateAuthority', () => {
  it('ends it, once', () => {
    subject.given(stands).when({ type: 'DeleteCertificateAuthority' }).then([deleted]);
    subject
      .given([...stands, deleted])
      .when({ type: 'DeleteCertificateAuthority' })
      .then([]);
    subject
      .given([])
      .when({ type: 'DeleteCertificateAuthority' })
      .thenThrows('certificate-authority-not-found');
  });
});
