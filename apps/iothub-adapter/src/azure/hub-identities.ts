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

/** An identity that a hub has, in the words in which one is wanted. */
export interface FoundIdentity {
  readonly id: string;
  readonly identity: WantedIdentity;
}

export interface IdentityPage {
  readonly found: readonly FoundIdentity[];
  /** Where the next page begins; undefined: this was the last. */
  readonly next: string | undefined;
}

/** The rows of a page; a hub gives no more. */
const PAGE = 100;
const ALL_IDENTITIES = 'SELECT deviceId, status, authenticationType, x509Thumbprint FROM devices';

interface IdentityRow {
  readonly deviceId: string;
  readonly status: 'enabled' | 'disabled';
  readonly authenticationType?: string;
  readonly x509Thumbprint?: HubIdentity['authentication']['x509Thumbprint'];
}

/** All identities of a hub, page by page, by its query language: its list has no pages. Throws `HubFailure`. */
export const listIdentities = async (
  rest: HubRest,
  continuation: string | undefined,
): Promise<IdentityPage> => {
  const { headers, body } = await rest.exchange<readonly IdentityRow[]>({
    method: 'POST',
    path: '/devices/query',
    headers: {
      'x-ms-max-item-count': String(PAGE),
      ...(continuation === undefined ? {} : { 'x-ms-continuation': continuation }),
    },
    body: { query: ALL_IDENTITIES },
  });
  const found = body.map(({ deviceId, status, authenticationType = 'sas', x509Thumbprint }) => ({
    id: deviceId,
    identity: shown(status, { type: authenticationType, ...(x509Thumbprint ? { x509Thumbprint } : {}) }),
  }));
  return { found, next: headers.get('x-ms-continuation') ?? undefined };
};

/** Undefined: there is none of this id. Throws `HubFailure`. */
export const readIdentity = async (rest: HubRest, id: string): Promise<WantedIdentity | undefined> => {
  try {
    const { status, authentication } = await rest.request<HubIdentity>({ method: 'GET', path: pathOf(id) });
    return shown(status, authentication);
  } catch (error) {
    if (error instanceof HubFailure && error.status === NO_SUCH_DEVICE) return undefined;
    throw error;
  }
};

const shown = (
  status: WantedIdentity['status'],
  { type, x509Thumbprint: pinned }: HubIdentity['authentication'],
): WantedIdentity => {
  switch (type) {
    case 'selfSigned': {
      const thumbprints = [pinned?.primaryThumbprint, pinned?.secondaryThumbprint].flatMap((one) =>
        one ? [one.replaceAll(':', '').toUpperCase()] : [],
      );
      return { status, authentication: { type, thumbprints: [...new Set(thumbprints)] } };
    }
    case 'certificateAuthority':
      return { status, authentication: { type } };
    default:
      return { status, authentication: { type: 'sas' } };
  }
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
