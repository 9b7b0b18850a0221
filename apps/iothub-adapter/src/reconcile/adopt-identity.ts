import { AppError, isRefused, type Actor } from '@muster/contracts';
import { enrolHubDevice, type HubCredential } from '@muster/contracts/device-registry/hub-enrolment.requests';
import type { EnrolledAs } from '@muster/contracts/device-registry/certificate-authorities.requests';
import type { Bus } from '@muster/messaging';
import type { StoredHub } from '../hub/hubs.projection.js';
import type { WantedIdentity } from '../identity/wanted-identity.js';
import type { Settled } from './findings.js';

export interface Adoption {
  readonly hub: Pick<StoredHub, 'tenantId' | 'id'>;
  readonly hubDeviceId: string;
  /** As the hub has it. */
  readonly found: WantedIdentity;
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
 * certificates by their SHA-256 (of SHA-1 nobody here knows anything). Again: the same device. What no repetition would change
 * is an outcome; throws what may pass. `enrolled`: how many the registry has counted of this hub, by its rule.
 */
export const adoptIdentity = async (
  bus: Pick<Bus, 'request'>,
  { hub, hubDeviceId, found, device, actor, byRule }: Adoption,
): Promise<Settled & { readonly enrolled?: number }> => {
  const { status, authentication } = found;
  if (status === 'disabled')
    return refusal(
      'enrolment-refused',
      'It is disabled in the IoT Hub, and as a device here it would be enabled: enable it there first.',
    );
  const sha256 =
    authentication.type === 'selfSigned'
      ? authentication.thumbprints.filter((one) => one.length === 64).map((one) => one.toLowerCase())
      : [];
  try {
    const { enrolled } = await bus.request(enrolHubDevice, {
      ...{ tenantId: hub.tenantId, hubId: hub.id, hubDeviceId, device, actor, sha256 },
      credential: CREDENTIALS[authentication.type],
      byRule: byRule !== undefined,
      ...(byRule?.limit === undefined ? {} : { limit: byRule.limit }),
    });
    return { outcome: 'adopted', enrolled };
  } catch (error) {
    if (!(error instanceof AppError) || !isRefused(error)) throw error;
    return refusal(error.code, error.detail);
  }
};

export const refusal = (code: NonNullable<Settled['code']>, detail: string): Settled => ({
  outcome: 'refused',
  code,
  detail,
});
