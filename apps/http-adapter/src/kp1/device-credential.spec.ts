import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import type { DeviceTypeSettings } from '@muster/contracts/device-registry/device-types.requests';
import { authenticate, secretsIn } from './device-credential.js';

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex');
const entry: AccessEntry = {
  tenantId: 'default',
  token: 'tok1',
  tokenId: 'id-tok1',
  tokenStatus: 'active',
  deviceId: 'd1',
  deviceTypeId: 'radiator',
  appVersion: 'v1',
  interface: 'http',
  credentialKinds: ['secret'],
  secretHashes: [hashOf('old'), hashOf('new')],
};
const tried = (
  headers: IncomingHttpHeaders,
  settings: DeviceTypeSettings = {},
  change: Partial<AccessEntry> = {},
): string => {
  try {
    const shown = authenticate(secretsIn(headers))({ entry: { ...entry, ...change }, settings });
    return ['welcome', ...['old', 'new'].filter((secret) => hashOf(secret) === shown)].join(' by ');
  } catch (error) {
    return String(error);
  }
};

describe('who speaks for a token over HTTP', () => {
  it.each<[IncomingHttpHeaders, string]>([
    [{ authorization: 'Bearer old' }, 'old'],
    [{ authorization: 'bearer  new' }, 'new'],
    [{ 'x-device-secret': 'new' }, 'new'],
    [{ authorization: 'Bearer old', 'x-device-secret': 'new' }, 'old'],
  ])('is known by one of its active secrets: %j', (headers, secret) =>
    expect(tried(headers)).toBe(`welcome by ${secret}`),
  );

  it.each([
    { authorization: 'Bearer other' },
    { 'x-device-secret': hashOf('old') },
    { 'x-device-secret': '' },
    { authorization: 'Bearer old', 'x-device-secret': 'other' },
  ])('is refused with a wrong secret, also where the token alone is enough: %j', (headers) => {
    const refused = "AppError: unauthenticated: the secret is not the device's";
    expect(tried(headers)).toBe(refused);
    expect(tried(headers, { httpTokenOnly: true })).toBe(refused);
  });

  it('is refused with any secret when all are revoked', () => {
    expect(tried({ 'x-device-secret': 'old' }, {}, { secretHashes: [] })).toMatch(/is not the device's$/);
  });

  it('needs no secret where the device type says that the token is enough, and only there', () => {
    expect(tried({}, { httpTokenOnly: true })).toBe('welcome');
    expect(tried({})).toMatch(/^AppError: unauthenticated: the device's secret is missing/);
    expect(tried({}, { httpTokenOnly: false })).toMatch(/is missing/);
  });

  it('is refused where the device comes another way, whatever it shows', () => {
    const refused = 'AppError: unauthenticated: the device does not use http but mqtt';
    expect(tried({ 'x-device-secret': 'old' }, {}, { interface: 'mqtt' })).toBe(refused);
    expect(tried({}, { httpTokenOnly: true }, { interface: 'mqtt' })).toBe(refused);
  });

  it.each(['x-forwarded-client-cert', 'x-ssl-client-cert', 'client-cert'])(
    'cannot be shown by a certificate, not even beside a secret: %s',
    (header) => {
      const headers = { [header]: 'MIIB', authorization: 'Bearer old' };
      expect(tried(headers, { httpTokenOnly: true })).toBe(
        "AppError: unauthenticated: certificates are not accepted over HTTP; use the device's secret",
      );
    },
  );

  it.each(['Basic b2xkOm5ldw==', 'Bearer', 'Digest x'])('cannot be shown by %s', (authorization) => {
    expect(tried({ authorization }, { httpTokenOnly: true })).toMatch(/only Authorization: Bearer <secret>/);
  });
});
