import { AppError } from '@muster/contracts';
import type { EventStore, Projection, RecordedEvent } from '@muster/event-store';
import { Timers, type TimerHandlers } from '@muster/jobs';
import type pg from 'pg';
import type {
  CertificateAuthorityBegan,
  CertificateAuthorityRegistered,
  CertificateAuthorityValidityChanged,
} from './certificate-authority/certificate-authority.events.js';
import { certificateAuthority } from './certificate-authority/certificate-authority.decider.js';
import { device } from './device/device.decider.js';
import type {
  CredentialBegan,
  CredentialIssued,
  CredentialValidityChanged,
  EndpointTokenBegan,
  EndpointTokenIssued,
  EndpointTokenValidityChanged,
} from './device/device.events.js';
import { nextEdge, overlap, type Validity } from './validity.js';

const VALIDITY = 'validity';

/** What a timer is about. */
type About =
  | { readonly deviceId: string; readonly credentialId: string }
  | { readonly deviceId: string; readonly tokenId: string }
  | { readonly authorityId: string };

type WithTime =
  | CredentialIssued
  | CredentialValidityChanged
  | CredentialBegan
  | EndpointTokenIssued
  | EndpointTokenValidityChanged
  | EndpointTokenBegan
  | CertificateAuthorityRegistered
  | CertificateAuthorityValidityChanged
  | CertificateAuthorityBegan;

/**
 * Sets a timer for when a credential or an authority begins or ends, in the transaction of the event that says so: whoever is
 * let in is told then, and others are. That it opens nothing at a time is not left to it: whoever asks looks at the clock.
 */
export const validityTimers = (schema: string): Projection => {
  const timers = new Timers({ schema });
  return {
    name: 'validity-timers',
    handles: [
      'CredentialIssued',
      'CredentialValidityChanged',
      'CredentialBegan',
      'EndpointTokenIssued',
      'EndpointTokenValidityChanged',
      'EndpointTokenBegan',
      'CertificateAuthorityRegistered',
      'CertificateAuthorityValidityChanged',
      'CertificateAuthorityBegan',
    ],
    project: async (tx, events) => {
      // `handles` names these.
      for (const event of events as readonly RecordedEvent<WithTime>[]) await setTimer(timers, tx, event);
    },
    // A timer that is set for nothing finds nothing to tell.
    reset: async () => undefined,
  };
};

const setTimer = async (timers: Timers, tx: pg.PoolClient, event: RecordedEvent<WithTime>): Promise<void> => {
  const { tenantId } = event;
  const { about, validity, from } = timeIn(event);
  const at = nextEdge(validity, from);
  const key =
    'authorityId' in about
      ? about.authorityId
      : `${about.deviceId} ${'tokenId' in about ? about.tokenId : about.credentialId}`;
  if (at !== undefined) await timers.set(tx, { tenantId, name: VALIDITY, key, at, payload: about });
  else if (event.type === 'CredentialValidityChanged' || event.type === 'EndpointTokenValidityChanged')
    await timers.cancel(tx, { tenantId, name: VALIDITY, key });
};

const timeIn = (
  event: RecordedEvent<WithTime>,
): { readonly about: About; readonly validity: Validity; readonly from: string } => {
  const { streamId, recordedAt } = event;
  switch (event.type) {
    case 'CredentialIssued':
      return {
        about: { deviceId: streamId, credentialId: event.data.credentialId },
        validity: event.data,
        from: event.data.issuedAt,
      };
    case 'CredentialValidityChanged':
      return {
        about: { deviceId: streamId, credentialId: event.data.credentialId },
        validity: event.data.to,
        from: event.data.changedAt,
      };
    case 'CredentialBegan':
      return {
        about: { deviceId: streamId, credentialId: event.data.credentialId },
        validity: event.data,
        from: event.data.validFrom ?? recordedAt,
      };
    case 'EndpointTokenIssued':
      return {
        about: { deviceId: streamId, tokenId: event.data.tokenId },
        validity: event.data,
        from: event.data.issuedAt,
      };
    case 'EndpointTokenValidityChanged':
      return {
        about: { deviceId: streamId, tokenId: event.data.tokenId },
        validity: event.data.to,
        from: event.data.changedAt,
      };
    case 'EndpointTokenBegan':
      return {
        about: { deviceId: streamId, tokenId: event.data.tokenId },
        validity: event.data,
        from: event.data.validFrom ?? recordedAt,
      };
    case 'CertificateAuthorityRegistered':
      return {
        about: { authorityId: streamId },
        validity: overlap(event.data.certified, event.data.validity),
        from: event.data.registeredAt,
      };
    case 'CertificateAuthorityValidityChanged':
      return {
        about: { authorityId: streamId },
        validity: event.data.inEffect,
        from: event.data.changedAt,
      };
    case 'CertificateAuthorityBegan':
      return {
        about: { authorityId: streamId },
        validity: event.data.validity,
        from: event.data.validity.validFrom ?? recordedAt,
      };
  }
};

/** Tells that the time of something has come or is over. */
export const validityTimerHandlers = (store: Pick<EventStore, 'execute'>): TimerHandlers => ({
  [VALIDITY]: async (tx, { tenantId, at: due, payload }) => {
    const about = payload as About; // set above
    const metadata = { actor: { kind: 'system', id: 'device-registry' } } as const;
    const now = new Date().toISOString();
    // The clock that fires is the database's; ours may be a moment behind it.
    const at = now > due ? now : due;
    try {
      if ('authorityId' in about) {
        await store.execute(certificateAuthority, {
          tenantId,
          id: about.authorityId,
          metadata,
          within: tx,
          command: { type: 'ObserveCertificateAuthority', at },
        });
        return;
      }
      await store.execute(device, {
        tenantId,
        id: about.deviceId,
        metadata,
        within: tx,
        command:
          'tokenId' in about
            ? { type: 'ObserveToken', tokenId: about.tokenId, at }
            : { type: 'ObserveCredential', credentialId: about.credentialId, at },
      });
    } catch (error) {
      // Deleted meanwhile.
      if (!(error instanceof AppError) || error.code !== 'device-not-found') throw error;
    }
  },
});
