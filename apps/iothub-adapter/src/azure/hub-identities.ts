import type { WantedIdentity } from '../identity/wanted-identity.js';
import { HubFailure, type HubRest } from './hub-rest.js';

/** An identity as a hub shows it; the fields that we look at. */
interface HubIdentity {
  readonly etag: string;
  readonly status: 'enabled' | 'disabled';
  readonly authentication: {
    readonly type: string;
    readonly symmetricKey?: { readonly primaryKey: string | null; readonly secondaryKey: string | null };
    readonly x509Thumbprint?: {
      readonly primaryThumbprint: string | null;
      readonly secondaryThumbprint: string | null;
    };
  };
}

const NO_SUCH_DEVICE = 404;
const EXISTS = 409;

/**
 * Brings an identity to what is wanted; to do it again changes nothing. One that is there already is taken over: its keys
 * stay. A hub makes the keys of a new one by itself, and they never come here. Throws `HubFailure`.
 */
export const putIdentity = async (rest: HubRest, id: string, wanted: WantedIdentity): Promise<void> => {
  const path = pathOf(id);
  const fresh = { deviceId: id, status: wanted.status, authentication: authenticationOf(wanted) };
  try {
    await rest.request({ method: 'PUT', path, body: fresh });
    return;
  } catch (error) {
    if (!(error instanceof HubFailure) || error.status !== EXISTS) throw error;
  }
  const found = await rest.request<HubIdentity>({ method: 'GET', path });
  const authentication = authenticationOf(wanted, found);
  if (found.status === wanted.status && isSame(authentication, found.authentication)) return;
  // All of it: a hub takes what is absent for what is to be removed.
  const body = { ...found, status: wanted.status, authentication };
  await rest.request({ method: 'PUT', path, ifMatch: found.etag, body });
};

/** Done also when there is none. */
export const deleteIdentity = async (rest: HubRest, id: string): Promise<void> => {
  try {
    await rest.request({ method: 'DELETE', path: pathOf(id), ifMatch: '*' });
  } catch (error) {
    if (!(error instanceof HubFailure) || error.status !== NO_SUCH_DEVICE) throw error;
  }
};

/** Of an identity by SAS: its primary key. Throws `HubFailure`. */
export const readIdentityKey = async (rest: HubRest, id: string): Promise<string | undefined> => {
  const { authentication } = await rest.request<HubIdentity>({ method: 'GET', path: pathOf(id) });
  return authentication.symmetricKey?.primaryKey ?? undefined;
};

const pathOf = (id: string): string => `/devices/${encodeURIComponent(id)}`;

const authenticationOf = (
  { authentication }: WantedIdentity,
  found?: HubIdentity,
): HubIdentity['authentication'] => {
  switch (authentication.type) {
    case 'sas': {
      const kept = found?.authentication.type === 'sas' ? found.authentication.symmetricKey : undefined;
      return { type: 'sas', symmetricKey: kept ?? { primaryKey: null, secondaryKey: null } };
    }
    case 'selfSigned': {
      const [primaryThumbprint = null, secondaryThumbprint = primaryThumbprint] = authentication.thumbprints;
      return { type: 'selfSigned', x509Thumbprint: { primaryThumbprint, secondaryThumbprint } };
    }
    case 'certificateAuthority':
      return { type: 'certificateAuthority' };
  }
};

const isSame = (one: HubIdentity['authentication'], other: HubIdentity['authentication']): boolean =>
  one.type === other.type &&
  (one.type !== 'selfSigned' ||
    (one.x509Thumbprint?.primaryThumbprint === other.x509Thumbprint?.primaryThumbprint &&
      one.x509Thumbprint?.secondaryThumbprint === other.x509Thumbprint?.secondaryThumbprint));
