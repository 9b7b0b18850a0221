import type { Actor } from '@muster/contracts';
import {
  enrolHubDevice,
  type HubCredential,
  type HubDeviceEnrolled,
} from '@muster/contracts/device-registry/hub-enrolment.requests';
import type { EnrolledAs } from '@muster/contracts/device-registry/certificate-authorities.requests';
import type { Bus } from '@muster/messaging';
import type { StoredHub } from '../hub/hubs.projection.js';
import type { WantedIdentity } from '../identity/wanted-identity.js';

export interface Adoption {
  readonly hub: Pick<StoredHub, 'tenantId' | 'id'>;
  readonly hubDeviceId: string;
  readonly authentication: WantedIdentity['authentication'];
  readonly device: EnrolledAs;
  readonly actor: Actor;
  /** Absent: an operator wants it. */
  readonly byRule?: { readonly limit?: number | undefined };
}

const CREDENTIALS: Readonly<Record<WantedIdentity['authentication']['type'], HubCredential>> = {
  sas: 'token',
  selfSigned: 'self-signed',
  certificateAuthority: 'ca-signed',
};

/**
 * Makes a device of an identity that a hub has and nobody here. What lets it in stays as it is there: its key, or its
 * certificates by their SHA-256 (of SHA-1 nobody here knows anything). Again: the same device.
 */
export const adoptIdentity = (
  bus: Pick<Bus, 'request'>,
  { hub, hubDeviceId, authentication, device, actor, byRule }: Adoption,
): Promise<HubDeviceEnrolled> =>
  bus.request(enrolHubDevice, {
    tenantId: hub.tenantId,
    hubId: hub.id,
    hubDeviceId,
    device,
    credential: CREDENTIALS[authentication.type],
    sha256:
      authentication.type === 'selfSigned'
        ? authentication.thumbprints.filter((one) => one.length === 64).map((one) => one.toLowerCase())
        : [],
    actor,
    byRule: byRule !== undefined,
    ...(byRule?.limit === undefined ? {} : { limit: byRule.limit }),
  });
