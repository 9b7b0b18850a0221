import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findAccess, listAccess, recordSightings } from '@muster/contracts/device-registry/access.requests';
import { addAppVersion } from '@muster/contracts/device-registry/device-types.requests';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import { editToken, listTokens } from '@muster/contracts/device-registry/tokens.requests';
import {
  base,
  code,
  tenantId,
  unique,
  startRegistry,
  type RunningRegistry,
} from '../running-registry.fixture.js';

let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry();
});
afterAll(() => registry.stop());

describe('access', () => {
  it('is found by device, token and type', async () => {
    const type = await registry.createType({ settings: { plainTelemetry: true } });
    const made = await registry.provision({ deviceType: type.id });
    const [tokenView] = (await registry.bus.request(listTokens, { tenantId, deviceId: made.id })).items;
    const entry = {
      tenantId,
      token: made.token,
      tokenId: tokenView?.id,
      tokenStatus: 'inactive',
      deviceId: made.id,
      deviceTypeId: type.id,
      appVersion: `${type.name}-v1`,
      interface: 'mqtt',
      credentialKinds: ['token'],
      secretHashes: [],
    };
    const accessType = {
      tenantId,
      deviceTypeId: type.id,
      appVersions: [`${type.name}-v1`],
      settings: { plainTelemetry: true },
    };
    const whole = { entries: [entry], types: [accessType], nextCursor: null };
    expect(await registry.bus.request(findAccess, { deviceIds: [made.id], tokens: [made.token] })).toEqual(
      whole,
    );
    expect(await registry.bus.request(findAccess, { tokens: [made.token] })).toEqual(whole);
    expect(await registry.bus.request(findAccess, { deviceTypeIds: [type.id] })).toEqual({
      ...whole,
      entries: [],
    });
    expect(await registry.bus.request(findAccess, {})).toEqual({ entries: [], types: [], nextCursor: null });
  });

  it('is listed in pages, every token once, types with them', async () => {
    const { rows } = await registry.database.query<{ count: string }>('SELECT count(*) FROM device_tokens');
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await registry.bus.request(listAccess, { limit: 7, cursor });
      seen.push(...page.entries.map((entry) => `${entry.tenantId} ${entry.tokenId}`));
      const types = new Set(page.types.map((type) => type.deviceTypeId));
      expect(page.entries.every((entry) => types.has(entry.deviceTypeId))).toBe(true);
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(Number(rows[0]?.count));
    expect(await code(registry.bus.request(listAccess, { limit: 7, cursor: 'x' }))).toBe('invalid-request');
  });
});

describe('recordSightings', () => {
  it('activates tokens and follows application versions, once', async () => {
    const [type, other] = [await registry.createType(), await registry.createType()];
    const [a, b] = [
      await registry.provision({ deviceType: type.id }),
      await registry.provision({ deviceType: type.id }),
    ];
    const v2 = unique('v2');
    await registry.bus.request(addAppVersion, { ...base, deviceType: type.id, appVersion: { name: v2 } });
    const [entryA, entryB] = [(await registry.accessOf(a.id))[0]!, (await registry.accessOf(b.id))[0]!];
    await registry.bus.request(editToken, {
      ...base,
      deviceId: b.id,
      tokenId: entryB.tokenId,
      edit: { status: 'suspended' },
    });
    const sighting = { tenantId, deviceId: a.id, tokenId: entryA.tokenId, appVersion: v2 };
    const sightings = [
      sighting,
      { ...sighting, deviceId: 'nobody' },
      { ...sighting, tokenId: 'nothing' },
      { ...sighting, appVersion: `${other.name}-v1` },
      { ...sighting, appVersion: 'nobody' },
      { tenantId, deviceId: b.id, tokenId: entryB.tokenId, appVersion: v2 },
      sighting,
    ];
    const expected = [
      undefined,
      'device-not-found',
      'token-not-found',
      'app-version-not-found',
      'app-version-not-found',
      undefined,
      undefined,
    ];
    const { outcomes } = await registry.bus.request(recordSightings, { sightings });
    expect(outcomes.map((outcome) => outcome.code)).toEqual(expected);
    expect(await registry.accessOf(a.id)).toMatchObject([{ tokenStatus: 'active', appVersion: v2 }]);
    expect(await registry.accessOf(b.id)).toMatchObject([
      { tokenStatus: 'suspended', appVersion: `${type.name}-v1` },
    ]);
    const { version } = await registry.bus.request(getDevice, { tenantId, deviceId: a.id });
    await registry.bus.request(recordSightings, { sightings });
    expect((await registry.bus.request(getDevice, { tenantId, deviceId: a.id })).version).toBe(version);
  });
});
