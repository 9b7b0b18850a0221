import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type Platform } from '@muster/testing';

/** A device that nobody has made, from the claim key that an operator hands out to its first sample, and its end. */
let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  const settings = { enrolmentNeedsApproval: true };
  expect((await platform.api('POST', '/device-types', { name: 'meter' })).status).toBe(201);
  expect((await platform.api('POST', '/device-types', { name: 'lock', settings })).status).toBe(201);
}, 90_000);

afterAll(async () => {
  await platform.stop();
});

interface Enrolled {
  readonly deviceId: string;
  readonly status: string;
  readonly token: string;
  readonly appVersion: string;
  readonly credential: { readonly secret: string };
}

const claimKeyFor = async (
  deviceType: string,
): Promise<{ readonly id: string; readonly claimKey: string }> => {
  const { status, body } = await platform.api('POST', '/claim-keys', {
    name: `for ${deviceType}`,
    deviceType,
    interface: 'http',
    limit: 2,
  });
  expect(status).toBe(201);
  return body as { id: string; claimKey: string };
};
const enrol = (body: unknown): Promise<Response> =>
  fetch(`${platform.devicesUrl}/kp1/enrol`, { method: 'POST', body: JSON.stringify(body) });
const sends = async ({ appVersion, token, credential }: Enrolled): Promise<number> => {
  const { status } = await fetch(`${platform.devicesUrl}/kp1/${appVersion}/dcx/${token}/json`, {
    method: 'POST',
    body: '{"temperature": 21}',
    headers: { authorization: `Bearer ${credential.secret}` },
  });
  return status;
};

describe('POST /kp1/enrol', () => {
  it('gives a device what it then comes in by, once', async () => {
    const { id, claimKey } = await claimKeyFor('meter');
    const answer = await enrol({ claimKey, name: 'm1', serialNumber: 'SN-1' });
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const device = (await answer.json()) as Enrolled;
    expect(device).toMatchObject({ status: 'active', appVersion: 'meter-v1' });
    expect(await sends(device)).toBe(200);
    expect((await platform.api('GET', `/devices/${device.deviceId}`)).body).toMatchObject({
      name: 'm1',
      serialNumber: 'SN-1',
      interface: 'http',
    });
    expect((await platform.api('GET', `/claim-keys/${id}`)).body).toMatchObject({ enrolled: 1 });
    const suspended = await platform.api('PATCH', `/devices/${device.deviceId}`, { status: 'suspended' });
    expect(suspended.status).toBe(200);
    await eventually(async () => (await sends(device)) === 403, { what: 'the device is kept out' });
  });

  it('lets a device wait for an approval, where its type says so', async () => {
    const { claimKey } = await claimKeyFor('lock');
    const device = (await (await enrol({ claimKey, name: 'l1' })).json()) as Enrolled;
    expect(device.status).toBe('pending');
    expect(await sends(device)).toBe(403);
    const waiting = await platform.api('GET', `/devices?filter=${encodeURIComponent('status==pending')}`);
    expect((waiting.body as { items: { id: string }[] }).items.map(({ id }) => id)).toEqual([
      device.deviceId,
    ]);
    expect((await platform.api('PATCH', `/devices/${device.deviceId}`, { status: 'active' })).status).toBe(
      200,
    );
    await eventually(async () => (await sends(device)) === 200, { what: 'the device is let in' });
  });

  it.each([
    [{ claimKey: 'nobody has that', name: 'x' }, 401, 'claim key is unknown'],
    [{ name: 'x' }, 400, 'claimKey'],
    [{ claimKey: 'k', name: 'x', more: 1 }, 400, 'more'],
    [[], 400, 'payload'],
  ])('refuses %j with %i', async (body, status, reason) => {
    const answer = await enrol(body);
    expect(answer.status).toBe(status);
    expect(await answer.json()).toEqual({
      statusCode: status,
      reasonPhrase: expect.stringContaining(reason),
    });
  });
});
