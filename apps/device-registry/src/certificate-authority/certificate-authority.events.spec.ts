import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@muster/event-store';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { certificateAuthority } from './certificate-authority.decider.js';
import { upcast, type CertificateAuthorityEvent } from './certificate-authority.events.js';

const certified = { validFrom: '2026-01-01T00:00:00.000Z', validUntil: '2027-06-01T00:00:00.000Z' };
const narrower = { validUntil: '2027-01-01T00:00:00.000Z' };
const rule = { deviceTypeId: 't1', folder: '/', tags: ['new'], enabled: true, limit: 2 };
const summary = { name: 'factory', status: 'active', opens: true, enrols: true };

/**
 * Events as they lie in tables out there. Never edit one: a new shape is a new schema version, an upcast, and one more
 * entry here.
 */
const stored: readonly StoredEvent[] = [
  {
    type: 'CertificateAuthorityRegistered',
    schemaVersion: 1,
    data: {
      name: 'factory',
      certificate: '-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n',
      sha256: '5f'.repeat(32),
      distinguishedName: 'O=Example\nCN=factory',
      certified,
      validity: {},
      subject: { from: 'cn', is: 'name' },
      enrolment: null,
      verificationCode: '0123456789abcdef0123456789abcdef',
      registeredAt: '2026-11-28T10:00:00.000Z',
      summary: { name: 'factory', status: 'unverified', opens: false, enrols: false },
    },
  },
  {
    type: 'CertificateAuthorityVerified',
    schemaVersion: 1,
    data: { sha256: '5f'.repeat(32), verifiedAt: '2026-11-28T10:05:00.000Z', summary },
  },
  {
    type: 'CertificateAuthorityRenamed',
    schemaVersion: 1,
    data: { from: 'factory', to: 'plant', summary: { ...summary, name: 'plant' } },
  },
  {
    type: 'CertificateAuthoritySubjectRuleChanged',
    schemaVersion: 1,
    data: { from: { from: 'cn', is: 'name' }, to: { from: 'san-dns', is: 'serialNumber' }, summary },
  },
  {
    type: 'CertificateAuthorityEnrolmentChanged',
    schemaVersion: 1,
    data: { from: null, to: rule, summary },
  },
  {
    type: 'CertificateAuthorityEnrolledDevice',
    schemaVersion: 1,
    data: { deviceId: 'd1', subject: 's1', summary },
  },
  {
    type: 'CertificateAuthorityValidityChanged',
    schemaVersion: 1,
    data: {
      from: {},
      to: narrower,
      inEffect: { ...certified, ...narrower },
      changedAt: '2026-11-28T11:00:00.000Z',
      summary,
    },
  },
  {
    type: 'CertificateAuthorityBegan',
    schemaVersion: 1,
    data: { validity: { ...certified, ...narrower }, summary },
  },
  {
    type: 'CertificateAuthorityExpired',
    schemaVersion: 1,
    data: {
      validity: { ...certified, ...narrower },
      summary: { ...summary, opens: false, enrols: false },
    },
  },
  {
    type: 'CertificateAuthorityStatusChanged',
    schemaVersion: 1,
    data: { from: 'active', to: 'revoked', summary: { ...summary, opens: false, enrols: false } },
  },
];
const deleted: StoredEvent = {
  type: 'CertificateAuthorityDeleted',
  schemaVersion: 1,
  data: { name: 'plant' },
};

const newest: NewestVersions<CertificateAuthorityEvent> = {
  CertificateAuthorityRegistered: 1,
  CertificateAuthorityVerified: 1,
  CertificateAuthorityStatusChanged: 1,
  CertificateAuthorityRenamed: 1,
  CertificateAuthoritySubjectRuleChanged: 1,
  CertificateAuthorityEnrolmentChanged: 1,
  CertificateAuthorityValidityChanged: 1,
  CertificateAuthorityBegan: 1,
  CertificateAuthorityExpired: 1,
  CertificateAuthorityEnrolledDevice: 1,
  CertificateAuthorityDeleted: 1,
};

const folded = (events: readonly StoredEvent[]) =>
  events.map(upcast).reduce(certificateAuthority.evolve, certificateAuthority.initial);

describe('stored events of a certificate authority', () => {
  it('have a fixture of every type and version', () => {
    expect(withoutFixture([...stored, deleted], newest)).toEqual([]);
  });

  it('are still read', () => {
    expect(folded(stored)).toEqual({
      status: 'existing',
      name: 'plant',
      standing: 'revoked',
      sha256: '5f'.repeat(32),
      verificationCode: '0123456789abcdef0123456789abcdef',
      certified,
      validity: narrower,
      phase: 'after',
      subject: { from: 'san-dns', is: 'serialNumber' },
      enrolment: rule,
      enrolled: 1,
    });
    expect(folded([...stored, deleted])).toEqual({ status: 'deleted', name: 'plant' });
  });
});
