import { HubError } from './hub-error.js';
import { hubTime, isJsonObject, NEVER, type JsonObject } from './json.js';

export interface KeyPair {
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

export type Authentication =
  | { readonly type: 'sas'; readonly keys: KeyPair }
  | { readonly type: 'selfSigned'; readonly thumbprints: readonly [string, string] }
  | { readonly type: 'certificateAuthority' };

export interface Identity {
  readonly deviceId: string;
  /** Another one after a deletion and a new creation of the same id. */
  readonly generationId: string;
  readonly etag: string;
  readonly status: 'enabled' | 'disabled';
  readonly statusReason: string | null;
  /** Milliseconds. Undefined: the status has not changed since the creation. */
  readonly statusUpdatedAt?: number;
  readonly authentication: Authentication;
  readonly iotEdge: boolean;
}

/** What only the running hub knows of a device. Times in milliseconds. */
export interface Activity {
  readonly connected: boolean;
  readonly connectionStateUpdatedAt?: number;
  readonly lastActivityAt?: number;
  readonly cloudToDeviceMessageCount: number;
}

/** The part of an identity that a caller decides. */
export type IdentityRequest = Pick<
  Identity,
  'deviceId' | 'status' | 'statusReason' | 'authentication' | 'iotEdge'
>;

const DEVICE_ID = /^[A-Za-z0-9\-.+%_#*?!(),:=@$']{1,128}$/;
const THUMBPRINT = /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/;
const KEY_BYTES = { least: 16, most: 64 };

/** Reads the body of PUT /devices/{id}. Missing keys are taken from `newKey`. Throws ArgumentInvalid. */
export const readIdentity = (deviceId: string, body: unknown, newKey: () => string): IdentityRequest => {
  if (!isJsonObject(body)) throw invalid('The body is no JSON object');
  if (!DEVICE_ID.test(deviceId)) throw invalid(`The device id ${deviceId} is not allowed`);
  const status = body['status'] ?? 'enabled';
  if (status !== 'enabled' && status !== 'disabled') throw invalid('status is neither enabled nor disabled');
  const statusReason = body['statusReason'] ?? null;
  if (statusReason !== null && (typeof statusReason !== 'string' || statusReason.length > 128)) {
    throw invalid('statusReason is no string of at most 128 characters');
  }
  const capabilities = body['capabilities'];
  return {
    deviceId,
    status,
    statusReason,
    authentication: readAuthentication(body['authentication'], newKey),
    iotEdge: isJsonObject(capabilities) && capabilities['iotEdge'] === true,
  };
};

export const identityJson = (identity: Identity, activity: Activity): JsonObject => ({
  deviceId: identity.deviceId,
  generationId: identity.generationId,
  etag: identity.etag,
  connectionState: activity.connected ? 'Connected' : 'Disconnected',
  status: identity.status,
  statusReason: identity.statusReason,
  connectionStateUpdatedTime: time(activity.connectionStateUpdatedAt),
  statusUpdatedTime: time(identity.statusUpdatedAt),
  lastActivityTime: time(activity.lastActivityAt),
  cloudToDeviceMessageCount: activity.cloudToDeviceMessageCount,
  authentication: {
    symmetricKey:
      identity.authentication.type === 'sas'
        ? { ...identity.authentication.keys }
        : { primaryKey: null, secondaryKey: null },
    x509Thumbprint: thumbprintJson(identity.authentication),
    type: identity.authentication.type,
  },
  capabilities: { iotEdge: identity.iotEdge },
});

export const thumbprintJson = (authentication: Authentication): JsonObject => {
  const [primary, secondary] = authentication.type === 'selfSigned' ? authentication.thumbprints : ['', ''];
  return { primaryThumbprint: primary || null, secondaryThumbprint: secondary || null };
};

export const time = (ms: number | undefined): string => (ms === undefined ? NEVER : hubTime(ms));

const readAuthentication = (value: unknown, newKey: () => string): Authentication => {
  const given = isJsonObject(value) ? value : {};
  const thumbprints = isJsonObject(given['x509Thumbprint']) ? given['x509Thumbprint'] : {};
  const primary = readThumbprint(thumbprints['primaryThumbprint']);
  const secondary = readThumbprint(thumbprints['secondaryThumbprint']);
  const type = given['type'] ?? (primary || secondary ? 'selfSigned' : 'sas');
  if (type === 'selfSigned') {
    if (!primary && !secondary) throw invalid('authentication of type selfSigned has no thumbprint');
    return { type, thumbprints: [primary, secondary] };
  }
  if (type === 'certificateAuthority') return { type };
  if (type !== 'sas') {
    throw invalid('authentication.type is none of sas, selfSigned, certificateAuthority');
  }
  const keys = isJsonObject(given['symmetricKey']) ? given['symmetricKey'] : {};
  return {
    type,
    keys: {
      primaryKey: readKey(keys['primaryKey'], newKey),
      secondaryKey: readKey(keys['secondaryKey'], newKey),
    },
  };
};

const readThumbprint = (value: unknown): string => {
  if (value === undefined || value === null || value === '') return '';
  const hex = typeof value === 'string' ? value.replaceAll(':', '').toUpperCase() : '';
  if (!THUMBPRINT.test(hex)) throw invalid('A thumbprint is not 40 or 64 hexadecimal digits');
  return hex;
};

const readKey = (value: unknown, newKey: () => string): string => {
  if (value === undefined || value === null || value === '') return newKey();
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : Buffer.alloc(0);
  if (bytes.toString('base64') !== value || bytes.length < KEY_BYTES.least || bytes.length > KEY_BYTES.most) {
    throw invalid(`A symmetric key is not ${KEY_BYTES.least} to ${KEY_BYTES.most} bytes in base64`);
  }
  return value;
};

const invalid = (message: string): HubError => new HubError('ArgumentInvalid', message);
