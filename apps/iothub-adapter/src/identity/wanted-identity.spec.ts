import { describe, expect, it } from '@jest/globals';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { wantedOf } from './wanted-identity.js';

const entry = (change: Partial<AccessEntry> = {}): AccessEntry => ({
  tenantId: 'default',
  token: 'one',
  tokenId: 't1',
  tokenStatus: 'active',
  deviceId: 'd1',
  deviceTypeId: 'radiator',
  appVersion: 'radiator-v1',
  interface: 'iothub',
  credentialKinds: ['token'],
  secretHashes: [],
  ...change,
});

describe('an identity is wanted', () => {
  it('by a key, for a device whose token is enough', () => {
    expect(wantedOf(entry())).toEqual({ status: 'enabled', authentication: { type: 'sas' } });
    expect(wantedOf(entry({ tokenStatus: 'inactive' }))).toMatchObject({ status: 'enabled' });
  });

  it('by the certificates that are pinned, in the order of the registry', () => {
    expect(wantedOf(entry({ credentialKinds: ['self-signed'], secretHashes: ['ab01', 'cd02'] }))).toEqual({
      status: 'enabled',
      authentication: { type: 'selfSigned', thumbprints: ['AB01', 'CD02'] },
    });
  });

  it('by an authority', () => {
    expect(wantedOf(entry({ credentialKinds: ['ca-signed'] }))).toMatchObject({
      authentication: { type: 'certificateAuthority' },
    });
  });

  it('by the strictest, of several', () => {
    expect(wantedOf(entry({ credentialKinds: ['token', 'ca-signed', 'self-signed'] }))).toMatchObject({
      authentication: { type: 'selfSigned' },
    });
  });
});

describe('an identity is disabled', () => {
  it.each<[string, Partial<AccessEntry>]>([
    ['the token is suspended', { tokenStatus: 'suspended' }],
    ['the device is suspended', { deviceStatus: 'suspended' }],
    ['the device waits for an approval', { deviceStatus: 'pending' }],
    ['nothing lets the device in', { credentialKinds: [] }],
    ['only what another interface asked for lets it in', { credentialKinds: ['password'] }],
    ['the time of the token is over', { validUntil: '2020-01-01T00:00:00.000Z' }],
    ['the time of the token has not come', { validFrom: '2999-01-01T00:00:00.000Z' }],
  ])('when %s', (_when, change) => {
    expect(wantedOf(entry(change))).toMatchObject({ status: 'disabled' });
  });
});

describe('no identity is wanted', () => {
  it('for a revoked token, and a device of another interface', () => {
    expect(wantedOf(entry({ tokenStatus: 'revoked' }))).toBeUndefined();
    expect(wantedOf(entry({ interface: 'mqtt' }))).toBeUndefined();
  });
});
