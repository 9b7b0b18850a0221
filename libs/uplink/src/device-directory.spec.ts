import { describe, expect, it } from '@jest/globals';
import type { AccessEntry, AccessPage, AccessType } from '@muster/contracts/device-registry/access.requests';
import { DeviceDirectory } from './device-directory.js';

const entry = (change: Partial<AccessEntry> = {}): AccessEntry => ({
  tenantId: 'default',
  token: 'tok1',
  tokenId: 'id-tok1',
  tokenStatus: 'active',
  deviceId: 'd1',
  deviceTypeId: 'radiator',
  appVersion: 'radiator-v1',
  interface: 'mqtt',
  credentialKinds: ['token'],
  secretHashes: [],
  ...change,
});
const radiator: AccessType = {
  tenantId: 'default',
  deviceTypeId: 'radiator',
  appVersions: ['radiator-v1', 'radiator-v2'],
  settings: { timestampPath: 'meta.time' },
};
const page = (entries: AccessEntry[], types: AccessType[] = [radiator]): AccessPage => ({
  entries,
  types,
  nextCursor: null,
});
const directoryOf = (...entries: AccessEntry[]): DeviceDirectory => {
  const directory = new DeviceDirectory('mqtt');
  directory.put(page(entries));
  return directory;
};

describe('the device directory', () => {
  it.each(['inactive', 'active'] as const)(
    'admits an %s token with any version of its type',
    (tokenStatus) => {
      const directory = directoryOf(entry({ tokenStatus }));
      expect(directory.admit('tok1', 'radiator-v2')).toMatchObject({
        admitted: true,
        entry: { deviceId: 'd1' },
        settings: { timestampPath: 'meta.time' },
      });
    },
  );

  it.each([
    [{ tokenStatus: 'suspended' }, 'token-suspended'],
    [{ tokenStatus: 'revoked' }, 'token-revoked'],
    [{ validUntil: '2026-01-01T00:00:00.000Z' }, 'token-expired'],
    [{ validFrom: '2099-01-01T00:00:00.000Z' }, 'token-not-yet-valid'],
    [{ deviceStatus: 'pending' }, 'device-pending'],
    [{ deviceStatus: 'suspended' }, 'device-suspended'],
    [{ interface: 'http' }, 'not-allowed'],
    [{ deviceTypeId: 'never-heard-of' }, 'app-version-not-found'],
  ] as const)('refuses %j with %s', (change, code) => {
    expect(directoryOf(entry(change)).admit('tok1', 'radiator-v1')).toMatchObject({ admitted: false, code });
  });

  it('says what to ask for when it may be behind, and never shows the token in the reason', () => {
    expect(directoryOf(entry()).admit('secret-token', 'radiator-v1')).toEqual({
      admitted: false,
      code: 'token-unknown',
      reason: 'unknown endpoint token',
      ask: { token: 'secret-token' },
    });
    expect(directoryOf(entry()).admit('tok1', 'pump-v1')).toMatchObject({
      ask: { deviceTypeId: 'radiator' },
    });
    expect(directoryOf(entry({ tokenStatus: 'revoked' })).admit('tok1', 'pump-v1')).not.toHaveProperty('ask');
  });

  it('forgets the tokens of a device that are not in a newer answer', () => {
    const directory = directoryOf(entry(), entry({ token: 'tok2', tokenId: 'id-tok2' }));
    directory.replace(['d1'], [], page([entry({ tokenStatus: 'suspended' })]));
    expect(directory.admit('tok1', 'radiator-v1')).toMatchObject({ code: 'token-suspended' });
    expect(directory.admit('tok2', 'radiator-v1')).toMatchObject({ code: 'token-unknown' });
    expect(directory.entriesOf('d1')).toHaveLength(1);
    directory.replace(['d1'], [], page([]));
    expect(directory.size).toBe(0);
  });

  it('lets an answer that may be old add, but not change', () => {
    const directory = directoryOf(entry({ tokenStatus: 'revoked' }));
    directory.putUnknown(page([entry({ tokenStatus: 'active' }), entry({ token: 'tok2' })]));
    expect(directory.admit('tok1', 'radiator-v1')).toMatchObject({ code: 'token-revoked' });
    expect(directory.admit('tok2', 'radiator-v1')).toMatchObject({ admitted: true });
  });

  it('keeps, over a reload, what was read again meanwhile, and drops what is gone', () => {
    const directory = directoryOf(
      entry(),
      entry({ token: 'tok2', deviceId: 'd2' }),
      entry({ token: 'tok3', deviceId: 'd3' }),
    );
    directory.beginReload();
    directory.put(page([entry()]));
    directory.replace(['d2'], [], page([entry({ token: 'tok2', deviceId: 'd2' })]));
    directory.endReload();
    expect(['tok1', 'tok2', 'tok3'].map((token) => directory.admit(token, 'radiator-v1').admitted)).toEqual([
      true,
      true,
      false,
    ]);
  });
});
