import {
  certificateAuthorityChanged,
  certificateAuthorityDeleted,
} from '@muster/contracts/device-registry/published';
import type { Published, RecordedEvent } from '@muster/event-store';
import type { CertificateAuthorityEvent } from './certificate-authority.events.js';

/** What others are told of a stored event. Pure; the relay publishes it at least once. */
export const publishedOfCertificateAuthority = (
  event: RecordedEvent<CertificateAuthorityEvent>,
): readonly Published[] => {
  const entityId = event.streamId;
  const fact = {
    authorityId: event.streamId,
    version: event.version,
    at: event.recordedAt,
    actor: event.metadata.actor,
  };
  switch (event.type) {
    case 'CertificateAuthorityDeleted':
      return [{ contract: certificateAuthorityDeleted, entityId, data: fact }];
    case 'CertificateAuthorityEnrolledDevice':
      return []; // the device is told of by itself
    case 'CertificateAuthorityRegistered':
    case 'CertificateAuthorityVerified':
    case 'CertificateAuthorityStatusChanged':
    case 'CertificateAuthorityRenamed':
    case 'CertificateAuthoritySubjectRuleChanged':
    case 'CertificateAuthorityEnrolmentChanged':
    case 'CertificateAuthorityValidityChanged':
    case 'CertificateAuthorityBegan':
    case 'CertificateAuthorityExpired':
      return [{ contract: certificateAuthorityChanged, entityId, data: { ...fact, ...event.data.summary } }];
  }
};
