import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventStream, newId } from '@muster/contracts';
import {
  deleteClaimKey,
  editClaimKey,
  enrolDevice,
  getClaimKey,
  issueClaimKey,
  listClaimKeys,
  type ClaimKeyInput,
  type EnrolledDevice,
} from '@muster/contracts/device-registry/claim-keys.requests';
import { recordLastSeen } from '@muster/contracts/device-registry/connectivity.requests';
import { authenticateDevice } from '@muster/contracts/device-registry/credentials.requests';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import { claimKeyChanged } from '@muster/contracts/device-registry/published';
import { eventually } from '@muster/testing';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import {
  base,
  code,
  problem,
  startRegistry,
  tenantId,
  unique,
  type RunningRegistry,
} from '../running-registry.fixture.js';

let registry: RunningRegistry;
let deviceType: string;

beforeAll(async () => {
  registry = await startRegistry();
  deviceType = (await registry.createType()).id;
});
afterAll(() => registry.stop());

const issue = (more: Partial<ClaimKeyInput> = {}, idempotencyKey?: string) =>
  registry.bus.request(issueClaimKey, {
    ...base,
    idempotencyKey,
    claimKey: { name: unique('key'), deviceType, ...more },
  });
const enrol = (
  claimKey: string | undefined,
  name = unique('device'),
  more: { serialNumber?: string; remoteAddress?: string } = {},
): Promise<EnrolledDevice> => {
  const { remoteAddress, ...rest } = more;
  return registry.bus.request(enrolDevice, {
    enrolment: { claimKey: claimKey ?? '', name, ...rest },
    remoteAddress,
  });
};
const comesIn = async ({ credential }: EnrolledDevice): Promise<string> => {
  const { username = '', password = '' } = credential;
  const found = await registry.bus.request(authenticateDevice, {
    interface: 'mqtt',
    password: { username, password },
  });
  return found.deviceId;
};

describe('a claim key', () => {
  it('is shown once, and kept nowhere', async () => {
    const idempotencyKey = newId();
    const name = unique('key');
    const { claimKey = '', ...shown } = await issue({ name, limit: 3 }, idempotencyKey);
    expect(claimKey).toMatch(/^[\w-]{43}$/);
    expect(shown).toMatchObject({
      name,
      hint: claimKey.slice(0, 4),
      status: 'active',
      limit: 3,
      enrolled: 0,
    });
    expect(await issue({ name, limit: 3 }, idempotencyKey)).toEqual(shown);
    expect(await registry.bus.request(getClaimKey, { tenantId, claimKeyId: shown.id })).toEqual(shown);
    expect(await registry.tablesWith(claimKey)).toEqual([]);
    expect(await code(issue({ name }))).toBe('claim-key-name-taken');
    expect(await code(issue({ deviceType: 'none' }))).toBe('device-type-not-found');
  });

  it('is listed in pages', async () => {
    const made = [await issue(), await issue()].map(({ id }) => id);
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await registry.bus.request(listClaimKeys, { tenantId, limit: 1, cursor, count: true });
      seen.push(...page.items.map(({ id }) => id));
      if (page.nextCursor === null) {
        expect(page.total).toBe(seen.length);
        break;
      }
      cursor = page.nextCursor;
    }
    expect(seen.filter((id) => made.includes(id))).toEqual(made);
  });

  it('lets a device enrol that then comes in by what it was given', async () => {
    const { claimKey, id } = await issue({ folder: '/new', tags: ['fresh'] });
    const [name, serialNumber] = [unique('device'), unique('sn')];
    const made = await enrol(claimKey, name, { serialNumber });
    expect(made).toMatchObject({
      status: 'active',
      interface: 'mqtt',
      token: expect.stringMatching(/^\w{24}$/),
      credential: { kind: 'password', username: made.deviceId },
    });
    expect(await comesIn(made)).toBe(made.deviceId);
    expect(await registry.bus.request(getDevice, { tenantId, deviceId: made.deviceId })).toMatchObject({
      name,
      serialNumber,
      folder: '/new',
      tags: ['fresh'],
      tokenOnly: false,
    });
    expect((await registry.bus.request(getClaimKey, { tenantId, claimKeyId: id })).enrolled).toBe(1);
    expect(await code(enrol(claimKey))).toBe('enrolment-limit-reached');
    const other = await issue();
    expect(await code(enrol(other.claimKey, unique('device'), { serialNumber }))).toBe('device-exists');
  });

  it('gives an HTTP device its secret', async () => {
    const { claimKey } = await issue({ interface: 'http' });
    const made = await enrol(claimKey);
    expect(made.credential).toEqual({ kind: 'secret', secret: expect.stringMatching(/^[\w-]{43}$/) });
    expect((await registry.accessOf(made.deviceId))[0]?.secretHashes).toHaveLength(1);
  });

  it('keeps to its limit, also when twenty come at once', async () => {
    const { claimKey } = await issue({ limit: 5 });
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () =>
        enrol(claimKey).then(
          () => 'made',
          (error: unknown) => (error as { code: string }).code,
        ),
      ),
    );
    expect(outcomes.filter((one) => one === 'made')).toHaveLength(5);
    expect(outcomes.filter((one) => one === 'enrolment-limit-reached')).toHaveLength(15);
  });

  it('gives anew what was lost on its way, until the device has come', async () => {
    const { claimKey, id } = await issue();
    const name = unique('device');
    const first = await enrol(claimKey, name);
    const second = await enrol(claimKey, name);
    expect([second.deviceId, second.token]).toEqual([first.deviceId, first.token]);
    expect(await code(comesIn(first))).toBe('credential-revoked');
    expect((await registry.bus.request(getClaimKey, { tenantId, claimKeyId: id })).enrolled).toBe(1);
    await registry.bus.request(recordLastSeen, {
      devices: [{ tenantId, deviceId: first.deviceId, at: new Date().toISOString() }],
    });
    expect(await code(enrol(claimKey, name))).toBe('enrolment-limit-reached');
    expect(await comesIn(second)).toBe(first.deviceId);
    // Nor is it given to who has another key, or says another serial number.
    const other = await issue();
    expect(await code(enrol(other.claimKey, name))).toBe('device-exists');
  });

  it('makes devices that wait for an approval, where their type says so', async () => {
    const type = await registry.createType({ settings: { enrolmentNeedsApproval: true } });
    const { claimKey } = await issue({ deviceType: type.name });
    const made = await enrol(claimKey);
    expect(made.status).toBe('pending');
    expect(await code(comesIn(made))).toBe('device-pending');
  });

  it('that is suspended, over, revoked or deleted lets nobody enrol', async () => {
    const { claimKey, id } = await issue({ limit: 9 });
    const edit = (more: object) =>
      registry.bus.request(editClaimKey, { ...base, claimKeyId: id, edit: more });
    await edit({ status: 'suspended' });
    expect(await code(enrol(claimKey))).toBe('claim-key-closed');
    const past = await problem(edit({ validUntil: '2020-01-02T00:00:00Z' }));
    expect(past.detail).toBe('edit.validUntil must be in the future.');
    const soon = new Date(Date.now() + 500);
    await edit({ status: 'active', validFrom: '2020-01-01T00:00:00Z', validUntil: soon.toISOString() });
    await eventually(() => Date.now() > soon.getTime());
    expect((await problem(enrol(claimKey))).detail).toContain('its time is over');
    await edit({ validUntil: '2099-01-01T00:00:00Z' });
    await enrol(claimKey);
    await edit({ status: 'revoked' });
    expect(await code(enrol(claimKey))).toBe('claim-key-closed');
    expect(await code(edit({ status: 'active' }))).toBe('claim-key-status-final');
    for (let twice = 0; twice < 2; twice += 1) {
      await registry.bus.request(deleteClaimKey, { ...base, claimKeyId: id });
    }
    expect(await code(enrol(claimKey))).toBe('claim-key-unknown');
    const told = await publishedOf(id, 7);
    expect(JSON.stringify(told)).not.toContain(claimKey);
    expect(told.map((data) => data['opens'])).toEqual([true, false, false, true, true, true, false]);
  });

  it('cannot be guessed at without end', async () => {
    const remoteAddress = '192.0.2.9';
    const codes = await Promise.all(
      Array.from({ length: 70 }, () => code(enrol(newId(), unique('device'), { remoteAddress }))),
    );
    expect(codes.filter((one) => one === 'claim-key-unknown')).toHaveLength(60);
    expect(codes.filter((one) => one === 'too-many-requests')).toHaveLength(10);
    const { claimKey } = await issue();
    expect((await enrol(claimKey, unique('device'), { remoteAddress: '192.0.2.10' })).status).toBe('active');
  });
});

const publishedOf = async (claimKeyId: string, least: number): Promise<Record<string, unknown>[]> => {
  const connection = await connect({ servers: registry.nats.url });
  try {
    return await eventually(
      async () => {
        const consumer = await jetstream(connection).consumers.get(eventStream('device-registry').name, {
          filter_subjects: claimKeyChanged.subject(tenantId, claimKeyId),
        });
        const found: Record<string, unknown>[] = [];
        for await (const message of await consumer.fetch({ max_messages: 50, expires: 1_000 })) {
          found.push(message.json<Record<string, unknown>>());
        }
        return found.length >= least ? found : undefined;
      },
      { what: `events of ${claimKeyId}` },
    );
  } finally {
    await connection.close();
  }
};
