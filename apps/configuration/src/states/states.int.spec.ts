import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, type Actor, type JsonObject, type JsonValue } from '@muster/contracts';
import {
  changeDesiredMany,
  compareConfigurations,
  readDeviceStates,
  reofferMany,
  type ChangeDesiredMany,
  type CompareConfigurations,
} from '@muster/contracts/configuration/campaign.requests';
import { changeDesired } from '@muster/contracts/configuration/requests';
import { changeDefaults } from '@muster/contracts/configuration/type-configuration.requests';
import {
  fetchDocument,
  reportApplied,
  reportState,
} from '@muster/contracts/configuration/documents.requests';
import { eventually } from '@muster/testing';
import { actor, runningConfiguration, tenantId } from '../running-configuration.fixture.js';

const campaign: Actor = { kind: 'campaign', id: 'c1' };
let platform: Awaited<ReturnType<typeof runningConfiguration>>;
let devices: () => string;

beforeAll(async () => {
  platform = await runningConfiguration('states');
  const type = platform.type('v1');
  devices = () => platform.device(type, 'v1');
}, 40_000);
afterAll(() => platform.stop());

const change = (deviceId: string, desired: JsonObject, by: Actor = actor) =>
  platform.bus.request(changeDesired, { tenantId, deviceId, actor: by, mode: 'merge', desired });
const changeMany = (deviceIds: string[], desired: JsonObject, more: Partial<ChangeDesiredMany> = {}) =>
  platform.bus.request(changeDesiredMany, {
    tenantId,
    actor: campaign,
    operationId: newId(),
    deviceIds,
    mode: 'set',
    desired,
    ...more,
  });
const fetched = (deviceId: string) =>
  platform.bus.request(fetchDocument, { tenantId, deviceId, interface: 'http' });
const applied = (deviceId: string, configId: string, statusCode = 200) =>
  platform.bus.request(reportApplied, {
    reports: [{ tenantId, deviceId, interface: 'http', configId, statusCode }],
  });
const stated = (deviceId: string, reported: JsonObject) =>
  platform.bus.request(reportState, { reports: [{ tenantId, deviceId, interface: 'http', reported }] });
const stateOf = async (deviceId: string, ...keys: string[]) => {
  const { states } = await platform.bus.request(readDeviceStates, { tenantId, deviceIds: [deviceId], keys });
  return states[0];
};
const compliant = async (
  deviceIds: string[],
  configurations: Record<string, JsonValue>,
  expectedStates: Record<string, JsonValue> = {},
  more: Partial<CompareConfigurations> = {},
) => {
  const reply = await platform.bus.request(compareConfigurations, {
    tenantId,
    deviceIds,
    configurations,
    expectedStates,
    ...more,
  });
  return reply.compliant;
};

describe('readDeviceStates', () => {
  it('tells how a device stands at every step, in the keys that were asked for', async () => {
    const device = devices();
    expect(await stateOf(device, 'fan')).toEqual({
      deviceId: device,
      ended: false,
      version: 0,
      configId: '',
      desired: {},
      withdrawn: {},
      reported: {},
    });
    await stated(device, { fan: 1, led: true });
    const { configId } = await change(device, { fan: 2, mode: 'eco' });
    await fetched(device);
    expect(await stateOf(device, 'fan')).toMatchObject({
      configId,
      desired: { fan: { value: 2, origin: 'device', by: actor } },
      reported: { fan: { value: 1, statedAt: expect.any(String) } },
      sent: { configId, subscriber: true, reachedAt: expect.any(String) },
    });
    await applied(device, configId, 400);
    expect(await stateOf(device)).toMatchObject({
      desired: {},
      confirmed: { rejection: { statusCode: 400 } },
    });
    await change(device, { fan: null });
    expect(await stateOf(device, 'fan')).toMatchObject({ desired: {}, withdrawn: { fan: { by: actor } } });
    const asking = { tenantId, deviceId: device, interface: 'mqtt' } as const;
    await platform.bus.request(fetchDocument, { ...asking, observe: false });
    expect(await stateOf(device)).toMatchObject({ observe: false });
    await platform.bus.request(fetchDocument, { ...asking, observe: true });
    expect(await stateOf(device)).not.toHaveProperty('observe');
  });

  it('says what a device has stated since it was sent its document, be it the same', async () => {
    const device = devices();
    await stated(device, { firmware: '1.1' });
    const before = await stateOf(device, 'firmware');
    const { configId } = await change(device, { firmware: '1.1' });
    await fetched(device);
    await applied(device, configId);
    expect((await stateOf(device, 'firmware'))?.reported).toEqual(before?.reported);
    await stated(device, { firmware: '1.1' });
    const after = await stateOf(device, 'firmware');
    expect(after?.reported['firmware']).toMatchObject({ at: before?.reported['firmware']?.at });
    expect((after?.reported['firmware']?.statedAt ?? '') >= (after?.sent?.at ?? 'z')).toBe(true);
    await stated(device, { firmware: '1.1' });
    expect((await stateOf(device, 'firmware'))?.version).toBe(after?.version);
  });

  it('of many answers with as many as a message takes, and names the others', async () => {
    const keys = Array.from({ length: 5 }, (_none, nth) => `k${nth}`);
    const deviceIds = Array.from({ length: 40 }, devices);
    await changeMany(deviceIds, Object.fromEntries(keys.map((key) => [key, 'x'.repeat(6_000)])));
    const first = await platform.bus.request(readDeviceStates, { tenantId, deviceIds, keys });
    const rest = await platform.bus.request(readDeviceStates, {
      tenantId,
      deviceIds: first.askAgain ?? [],
      keys,
    });
    expect(rest.askAgain).toBeUndefined();
    expect([...first.states, ...rest.states].map(({ deviceId }) => deviceId)).toEqual(deviceIds);
  });
});

describe('changeDesiredMany for campaigns', () => {
  it('tells what the devices had of their own, and changes each by what is given for it', async () => {
    const [own, none] = [devices(), devices()];
    await change(own, { fan: 1, wifi: { a: 1 } });
    const { outcomes } = await changeMany([own, none], { fan: 9, wifi: { b: 2 } }, { tellPrevious: true });
    expect(outcomes).toMatchObject([
      { deviceId: own, changed: true, previous: { fan: 1, wifi: { a: 1 } } },
      { deviceId: none, changed: true, previous: { fan: null, wifi: null } },
    ]);
    const desiredOf = outcomes.map(({ previous = {} }) => previous);
    await change(none, { wifi: { c: 3 } });
    await changeMany([own, none], {}, { desiredOf, onlyWhereBy: campaign });
    expect((await stateOf(own, 'fan', 'wifi'))?.desired).toMatchObject({
      fan: { value: 1 },
      wifi: { value: { a: 1 } },
    });
    expect((await stateOf(none, 'fan', 'wifi'))?.desired).toMatchObject({ wifi: { by: actor } });
  });

  it('gives way to what somebody changed since, device by device', async () => {
    const [changed, untouched] = [devices(), devices()];
    const since = new Date().toISOString();
    await change(changed, { fan: 3 });
    const { outcomes } = await changeMany([changed, untouched], { fan: 4 }, { unlessChangedSince: since });
    expect(outcomes).toMatchObject([{ code: 'desired-changed' }, { changed: true }]);
    expect((await stateOf(changed, 'fan'))?.desired['fan']).toMatchObject({ value: 3, by: actor });
  });

  it('refuses values for each that are not one for each', async () => {
    const wrong = changeMany([devices()], {}, { desiredOf: [] });
    await expect(wrong).rejects.toMatchObject({ code: 'invalid-request' });
    const both = changeMany([devices()], { fan: 1 }, { desiredOf: [{ fan: 2 }] });
    await expect(both).rejects.toMatchObject({ code: 'invalid-request' });
  });
});

describe('compareConfigurations', () => {
  it('finds those that have all of it, whoever stored their state', async () => {
    const [full = '', unsaid = '', other = '', bare = ''] = Array.from({ length: 4 }, devices);
    const all = [full, unsaid, other, bare];
    await changeMany([full, unsaid], { fan: 1, net: { a: 1, b: [1.5] } });
    await changeMany([other], { fan: 2, net: { b: [1.5], a: 1 } });
    await stated(full, { fan: 1, net: { b: [1.5], a: 1 }, firmware: '1' });
    await stated(unsaid, { firmware: '1' });
    const wish = { fan: 1.0, net: { b: [1.5], a: 1 } };
    const expected = async () => {
      expect(await compliant(all, wish)).toEqual([full]);
      expect(new Set(await compliant(all, wish, { firmware: '1' }))).toEqual(new Set([full, unsaid]));
      // Nothing was ever said to or by the fourth: so it has no value of its own.
      expect(await compliant(all, { fan: null, led: null })).toEqual([bare]);
      expect(new Set(await compliant([full, other], { led: null }))).toEqual(new Set([full, other]));
      expect(await compliant(all, { fan: '1' })).toEqual([]);
    };
    await expected();
    await platform.sql.query(`UPDATE configuration.streams SET state_version = 1`);
    await expected();
  });

  it('takes a default for the desired value, as supervisions do', async () => {
    const type = platform.type('v2');
    await platform.bus.request(changeDefaults, {
      ...{ tenantId, actor, deviceType: type.id, mode: 'merge', defaults: { fan: 3 } },
    });
    const [same, other] = [await platform.provisioned(type, 'v2'), await platform.provisioned(type, 'v2')];
    const own = devices();
    await eventually(
      async () => {
        for (const device of [same, other])
          expect((await stateOf(device, 'fan'))?.desired['fan']).toMatchObject({ origin: 'device-type' });
        return true;
      },
      { what: 'the default is in effect', deadlineMs: 15_000 },
    );
    await change(other, { fan: 4 });
    await change(own, { fan: 3 });
    const all = [same, other, own];
    for (const device of all) await stated(device, { fan: 3 });
    expect(new Set(await compliant(all, { fan: 3 }))).toEqual(new Set([same, own]));
    // Taken back is what is the device's own; the default stays.
    expect(await compliant(all, { fan: null })).toEqual([same]);
  });

  it('passes over what was refused, and what was reported before it was written', async () => {
    const [refused, early, applying] = [devices(), devices(), devices()];
    const all = [refused, early, applying];
    await stated(early, { fan: 1 });
    for (const device of all) {
      const { configId } = await change(device, { fan: 1 });
      await fetched(device);
      if (device === refused) await stated(device, { fan: 1 });
      if (device !== early) await applied(device, configId, device === refused ? 400 : 200);
    }
    expect(await compliant(all, { fan: 1 })).toEqual([applying]);
    expect(await compliant(all, { fan: 1 }, {}, { expectedFrom: 'stated' })).toEqual([]);
    await stated(early, { fan: 1 });
    expect(await compliant(all, { fan: 1 }, {}, { expectedFrom: 'stated' })).toEqual([early]);
  });
});

describe('reofferMany', () => {
  it('offers again what was refused or left unanswered, once for an operation', async () => {
    const [refused = '', silent = '', done = ''] = Array.from({ length: 3 }, devices);
    const [configId] = (await changeMany([refused, silent, done], { fan: 1 })).outcomes.map(
      (outcome) => outcome.configId ?? '',
    );
    for (const device of [refused, silent, done]) await fetched(device);
    await applied(refused, configId ?? '', 503);
    await applied(done, configId ?? '');
    const request = {
      tenantId,
      actor: campaign,
      operationId: newId(),
      deviceIds: [refused, silent, done, newId()],
    };
    const { outcomes } = await platform.bus.request(reofferMany, request);
    expect(outcomes.map(({ code }) => code)).toEqual([undefined, undefined, undefined, 'device-not-found']);
    expect(await stateOf(refused)).not.toHaveProperty('confirmed');
    expect((await stateOf(silent))?.sent).toMatchObject({ subscriber: false });
    expect(await stateOf(done)).toMatchObject({ sent: { subscriber: true }, confirmed: {} });
    await fetched(refused);
    expect(await platform.bus.request(reofferMany, request)).toEqual({ outcomes });
    expect((await stateOf(refused))?.sent).toMatchObject({ subscriber: true });
  });
});
