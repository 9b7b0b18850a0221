import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '@muster/contracts';
import type { Admitted } from '@muster/uplink';

/** Headers by which proxies pass on a client's certificate (RFC 9440, nginx, Envoy, Apache, AWS), or a device might try. */
const CERTIFICATE_HEADERS = [
  'client-cert',
  'client-cert-chain',
  'ssl-client-cert',
  'x-ssl-client-cert',
  'x-client-cert',
  'x-client-certificate',
  'x-forwarded-client-cert',
  'x-amzn-mtls-clientcert',
];

/**
 * What every stranger is told, whatever was wrong: an unknown token, a wrong or missing secret, a device of another interface.
 * Otherwise the answer would tell which tokens there are. The log says which it was.
 */
export const STRANGER =
  'unknown endpoint token, or not the secret of its device: HTTP devices send it as Authorization: Bearer <secret>, or x-device-secret';

/**
 * Checks who speaks for a token over HTTP: by the device's secret, or by the token alone where the device type's settings
 * say that this is enough. A secret that is sent must be right even then. Returns the hash of the secret, SHA-256 in
 * hexadecimal; undefined: there was none. Throws `unauthenticated`; the text is for the log.
 */
export const authenticate =
  (secrets: readonly string[]) =>
  ({ entry, settings }: Pick<Admitted, 'entry' | 'settings'>): string | undefined => {
    if (entry.interface !== 'http') {
      throw new AppError('unauthenticated', `the device does not use http but ${entry.interface}`);
    }
    if (secrets.length === 0) {
      if (settings.httpTokenOnly === true) return undefined;
      throw new AppError('unauthenticated', "the device's secret is missing");
    }
    const shown = secrets.map((secret) => createHash('sha256').update(secret).digest());
    if (!shown.every((hash) => isOneOf(entry.secretHashes, hash))) {
      throw new AppError('unauthenticated', "the secret is not the device's");
    }
    return shown[0]?.toString('hex');
  };

/**
 * The secrets that a request shows. Both headers may be sent; then both count. Throws `unauthenticated` for what is no secret at
 * all, whoever sends it.
 */
export const secretsIn = (headers: IncomingHttpHeaders): string[] => {
  if (CERTIFICATE_HEADERS.some((name) => headers[name] !== undefined)) {
    throw new AppError('unauthenticated', "certificates are not accepted over HTTP; use the device's secret");
  }
  const { authorization } = headers;
  const bearer = authorization === undefined ? undefined : /^bearer +(\S+) *$/i.exec(authorization)?.[1];
  if (authorization !== undefined && bearer === undefined) {
    throw new AppError(
      'unauthenticated',
      "only Authorization: Bearer <secret> is accepted; passwords and certificates are not, use the device's secret",
    );
  }
  return [bearer, headers['x-device-secret']].flat().filter((secret) => secret !== undefined);
};

/** In constant time, over hashes of equal length; how many secrets a device has is no secret. */
const isOneOf = (hashes: readonly string[], shown: Buffer): boolean =>
  hashes.map((hash) => timingSafeEqual(Buffer.from(hash, 'hex'), shown)).includes(true);
