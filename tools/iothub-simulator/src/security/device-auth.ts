import type { Device } from '../hub/device.js';
import type { Identity } from '../hub/identity.js';
import { authorizePolicy, covers, isForHub, type AuthorizeContext } from './authorize.js';
import { isSignedBy, parseSasToken } from './sas.js';

/** A certificate that a client has shown, and whose key it has proven to have. */
export interface ClientCertificate {
  readonly commonName: string;
  /** SHA-1 and SHA-256, hexadecimal, in capitals and without colons. */
  readonly thumbprints: readonly string[];
  /** It is signed, maybe over others, by an authority that was added to the hub; and its time has not run out. */
  readonly isSignedByKnownAuthority: boolean;
}

export interface DeviceCredentials {
  readonly deviceId: string;
  readonly password?: string;
  readonly certificate?: ClientCertificate;
}

/** How a device was let in. */
export interface Admission {
  readonly authMethod: string;
  /** Infinity: a certificate's admission has no end. */
  readonly expiresAt: number;
  /** Whether the same proof would still let it in. */
  isStillValid(identity: Identity, signatureNow: number): boolean;
}

/** Undefined: refused. */
export const admitDevice = (
  device: Device,
  credentials: DeviceCredentials,
  context: AuthorizeContext,
): Admission | undefined => {
  const { password, certificate } = credentials;
  const { identity } = device;
  const admission =
    password === undefined
      ? certificate && byCertificate(certificate)
      : byToken(password, credentials.deviceId, context);
  return admission?.isStillValid(identity, context.now) === true ? admission : undefined;
};

const byToken = (password: string, deviceId: string, context: AuthorizeContext): Admission | undefined => {
  const token = parseSasToken(password);
  if (token === undefined || !isForHub(token, context.hostNames)) return undefined;
  if (!covers(token, `devices/${deviceId}`)) return undefined;
  return {
    authMethod: authMethod(token.policy === undefined ? 'device' : 'hub', 'sas'),
    expiresAt: token.expiresAt,
    isStillValid: (identity, now) => {
      if (identity.status !== 'enabled' || token.expiresAt <= now) return false;
      if (token.policy !== undefined) {
        const grant = authorizePolicy(password, { ...context, now });
        return grant?.rights.includes('DeviceConnect') === true;
      }
      // The right device's key is no proof for another, however the resource reads.
      if (identity.authentication.type !== 'sas' || !/\/devices\/[^/]+$/.test(token.resource)) return false;
      const { primaryKey, secondaryKey } = identity.authentication.keys;
      return isSignedBy(token, primaryKey, 'decodedKey') || isSignedBy(token, secondaryKey, 'decodedKey');
    },
  };
};

const byCertificate = (certificate: ClientCertificate): Admission => ({
  authMethod: authMethod('device', 'x509'),
  expiresAt: Infinity,
  isStillValid: ({ status, authentication, deviceId }) => {
    if (status !== 'enabled') return false;
    if (authentication.type === 'selfSigned') {
      return authentication.thumbprints.some((one) => one !== '' && certificate.thumbprints.includes(one));
    }
    return (
      authentication.type === 'certificateAuthority' &&
      certificate.isSignedByKnownAuthority &&
      certificate.commonName === deviceId
    );
  },
});

const authMethod = (scope: 'device' | 'hub', type: 'sas' | 'x509'): string =>
  JSON.stringify({
    scope,
    type,
    issuer: type === 'sas' ? 'iothub' : 'external',
    acceptingIpFilterRule: null,
  });
