import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type Platform } from '@muster/testing';

/** The whole platform, and a device that has nothing but an HTTP client. */
let platform: Platform;

interface Device {
  readonly id: string;
  readonly token: string;
  readonly secret: string;
}

const newDevice = async (name: string): Promise<Device> => {
  const { status, body } = await platform.api('POST', '/devices', {
    name,
    deviceType: 'meter',
    interface: 'http',
  });
  expect(status).toBe(201);
  const { id, token, credential } = body as { id: string; token: string; credential: { secret: string } };
  return { id, token, secret: credential.secret };
};
const urlOf = ({ token }: Device, extension: string, path: string): string =>
  `${platform.devicesUrl}/kp1/meter-v1/${extension}/${token}/${path}`;
const send = (
  device: Device,
  extension: string,
  path: string,
  body: string | Uint8Array,
  secret = device.secret,
) =>
  fetch(urlOf(device, extension, path), {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${secret}` },
  });
/** As people try it. */
const curl = (...args: string[]): { status: number; body: string } => {
  const { stdout } = spawnSync('curl', ['-sS', '-w', '\n%{http_code}', ...args], { encoding: 'utf8' });
  const at = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) };
};

beforeAll(async () => {
  platform = await startPlatform({
    MUSTER_DEVICE_MESSAGES_PER_SECOND: '20',
    MUSTER_DEVICE_MESSAGE_BURST: '50',
  });
  expect((await platform.api('POST', '/device-types', { name: 'meter' })).status).toBe(201);
}, 90_000);

afterAll(async () => {
  await platform.stop();
});

describe('a device over HTTP', () => {
  it('sends telemetry that the operator sees', async () => {
    const device = await newDevice('m1');
    const answer = curl(
      '-d',
      '{"kWh": 42.5}',
      '-H',
      `Authorization: Bearer ${device.secret}`,
      urlOf(device, 'dcx', 'json'),
    );
    expect(answer).toEqual({ status: 200, body: '' });
    const { body } = await platform.api('GET', `/devices/${device.id}/telemetry/latest`);
    expect(body).toMatchObject({ items: [{ key: 'kWh', value: 42.5 }] });
  });

  it('polls its configuration, applies it, and is in sync', async () => {
    const device = await newDevice('m2');
    const path = `/devices/${device.id}/configuration`;
    // The configuration service hears of a new device by an event.
    await eventually(
      async () => (await platform.api('PATCH', `${path}/desired`, { interval: 60 })).status === 200,
    );
    const polled = (await (await send(device, 'cmx', 'config/json/5', '{}')).json()) as { configId: string };
    expect(polled).toMatchObject({ id: 5, statusCode: 200, config: { interval: 60 } });
    const { configId } = polled;
    const applied = await send(device, 'cmx', 'applied/json', JSON.stringify({ configId, statusCode: 200 }));
    expect([applied.status, await applied.text()]).toEqual([200, '']);
    const again = await send(device, 'cmx', 'config/json', JSON.stringify({ configId }));
    expect(await again.json()).toEqual({ statusCode: 304, reasonPhrase: 'Not changed' });
    await eventually(async () => {
      const { body } = await platform.api('GET', path);
      return (body as { syncState: string }).syncState === 'in_sync';
    });
  });

  it('is refused with a wrong secret, a suspended token, an unknown resource, and 2 MB', async () => {
    const device = await newDevice('m3');
    expect((await send(device, 'dcx', 'json', '{}', 'guess')).status).toBe(401);
    expect(curl('-d', '{}', urlOf(device, 'dcx', 'json')).status).toBe(401);
    expect((await send(device, 'dcx', 'jsn', '{}')).status).toBe(404);
    const large = await send(device, 'dcx', 'json', new Uint8Array(2_000_000).fill(32));
    expect([large.status, await large.json()]).toEqual([
      413,
      { statusCode: 413, reasonPhrase: 'payload must have at most 262144 bytes' },
    ]);
    const { body } = await platform.api('GET', `/devices/${device.id}/tokens`);
    const [token] = (body as { items: { id: string }[] }).items;
    const path = `/devices/${device.id}/tokens/${token?.id ?? ''}`;
    expect((await platform.api('PATCH', path, { status: 'suspended' })).status).toBe(200);
    await eventually(async () => (await send(device, 'dcx', 'json', '{}')).status === 403);
    const answer = await send(device, 'dcx', 'json', '{}');
    expect(await answer.json()).toEqual({ statusCode: 403, reasonPhrase: 'endpoint token is suspended' });
  });

  it('uploads a file, and downloads a firmware in two parts', async () => {
    const device = await newDevice('m6');
    const granted = await send(device, 'bcx', 'token', '');
    const { token } = (await granted.json()) as { token: string };
    const uploaded = await fetch(`${platform.devicesUrl}/bcx/api/v1/binary-data?name=a.log`, {
      method: 'POST',
      body: 'what happened',
      headers: { 'x-auth-token': token },
    });
    expect(uploaded.status).toBe(201);
    const headers = { 'x-api-key': 'mk_only-for-this-test-run' };
    const kept = await fetch(`${platform.url}${uploaded.headers.get('location') ?? ''}`, { headers });
    expect(await kept.text()).toBe('what happened');

    const keys = { versionKey: 'fw_version', urlKey: 'fw_url', tokenKey: 'fw_token' };
    const type = await platform.api('POST', '/device-types/meter/firmware-types', { name: 'main', ...keys });
    expect(type.status).toBe(201);
    const form = new FormData();
    form.set('firmwareType', 'main');
    form.set('version', '1.0.0');
    form.set('file', new Blob(['0123456789']), 'main.bin');
    const made = await fetch(`${platform.url}/api/v1/firmwares`, { method: 'POST', headers, body: form });
    const firmware = (await made.json()) as { id: string; url: string };
    const issued = await platform.api('POST', `/firmwares/${firmware.id}/download-tokens`, {});
    const { token: shared } = issued.body as { token: string };
    expect(firmware.url).toMatch(new RegExp(`^${platform.devicesUrl}/firmwares/`));
    const part = async (range: string): Promise<string> =>
      (await fetch(firmware.url, { headers: { 'x-auth-token': shared, range } })).text();
    expect((await part('bytes=0-3')) + (await part('bytes=4-'))).toBe('0123456789');
    expect((await fetch(firmware.url)).status).toBe(403);

    const rollout = { strategy: 'general' };
    expect((await platform.api('PATCH', `/firmwares/${firmware.id}`, { rollout })).status).toBe(200);
    const offeredTo = async (secret: string): Promise<string | undefined> => {
      const answer = await send(device, 'cmx_ota', 'config/json', '{}', secret);
      return ((await answer.json()) as { config?: { url: string } }).config?.url;
    };
    const url = (await offeredTo(device.secret)) ?? '';
    const rest = (of: string): Promise<Response> => fetch(of, { headers: { range: 'bytes=4-' } });
    expect(await (await rest(url)).text()).toBe('456789');
    const secrets = `/devices/${device.id}/credentials`;
    const fresh = await platform.api('POST', secrets, { kind: 'secret' });
    const { body } = await platform.api('GET', secrets);
    const [old] = (body as { items: { id: string }[] }).items;
    expect((await platform.api('PATCH', `${secrets}/${old?.id ?? ''}`, { status: 'revoked' })).status).toBe(
      200,
    );
    await eventually(async () => (await rest(url)).status === 403, { what: 'the device has lost a secret' });
    const { secret } = fresh.body as { secret: string };
    const again = await eventually(() => offeredTo(secret), { what: 'it is let in by the fresh secret' });
    expect((await rest(again)).status).toBe(206);
    // The token for many is nobody's credential, and ends when it is revoked.
    expect(await part('bytes=4-')).toBe('456789');
    const { id: tokenId } = issued.body as { id: string };
    const tokens = `/firmwares/${firmware.id}/download-tokens`;
    expect((await platform.api('DELETE', `${tokens}/${tokenId}`)).status).toBe(204);
    expect((await rest(`${firmware.url}?token=${shared}`)).status).toBe(403);
  });

  it('that is noisy gets 429, while a quiet one is served', async () => {
    const noisy = await newDevice('m4');
    const quiet = await newDevice('m5');
    const answers = await Promise.all(
      Array.from({ length: 120 }, () => send(noisy, 'dcx', 'json', '{"n":1}')),
    );
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(20);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(50);
    expect((await send(quiet, 'dcx', 'json', '{"n":1}')).status).toBe(200);
  });
});
