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
 * Checks who speaks for a token over HTTP: by the device's secret, or by the token alone where the device type's settings
 * say that this is enough. A secret that is sent must be right even then. Throws `unauthenticated`.
 */
export const authenticate =
  (headers: IncomingHttpHeaders) =>
  ({ entry, settings }: Admitted): void => {
    if (CERTIFICATE_HEADERS.some((name) => headers[name] !== undefined)) {
      throw new AppError(
        'unauthenticated',
        "certificates are not accepted over HTTP; use the device's secret",
      );
    }
    const shown = secretsIn(headers);
    if (shown.length === 0) {
      if (settings.httpTokenOnly === true) return;
      throw new AppError(
        'unauthenticated',
        "the device's secret is missing: send Authorization: Bearer <secret>, or x-device-secret",
      );
    }
    if (!shown.every((secret) => isOneOf(entry.secretHashes, secret))) {
      throw new AppError('unauthenticated', "the secret is not the device's");
    }
  };

/** Both headers may be sent; then both count. */
const secretsIn = (headers: IncomingHttpHeaders): string[] => {
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
const isOneOf = (hashes: readonly string[], secret: string): boolean => {
  const shown = createHash('sha256').update(secret).digest();
  return hashes.map((hash) => timingSafeEqual(Buffer.from(hash, 'hex'), shown)).includes(true);
};
