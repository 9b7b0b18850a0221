import { expect } from '@jest/globals';
import { eventually, mosquittoRr, mosquittoSub } from '@muster/testing';
import type { Installation } from './installation.js';

type Answer = { readonly status: number; readonly body: unknown };

/** As devices and operators find the platform. */
type Doors = Pick<Installation, 'url' | 'devicesUrl' | 'adminApiKey'>;

type Device = { readonly id: string; readonly token: string; readonly appVersion: string };

/** A REST call of the administrator: the installation as an operator sees it. */
export const restOf =
  ({ url, adminApiKey }: Omit<Doors, 'devicesUrl'>) =>
  async (method: string, path: string, body?: object): Promise<Answer> => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        'x-api-key': adminApiKey,
        // A connection that is kept outlives the container that it leads to.
        connection: 'close',
        ...(body === undefined || body instanceof FormData ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : (JSON.parse(text) as unknown) };
  };

/** From its creation to its removal: telemetry, configuration and a command over MQTT, a firmware over HTTP. */
export const wholeLife = async (doors: Doors): Promise<void> => {
  const rest = restOf(doors);
  expect((await rest('POST', '/device-types', { name: 'radiator' })).status).toBe(201);
  const created = await rest('POST', '/devices', { name: 'hall', deviceType: 'radiator' });
  expect(created.status).toBe(201);
  const device = created.body as Device;
  await sendsTelemetry(device, rest);
  await isConfigured(device, rest);
  await obeysACommand(device, rest);
  await downloadsAFirmware(doors, rest);
  expect((await rest('DELETE', `/devices/${device.id}`)).status).toBe(204);
  expect((await rest('GET', `/devices/${device.id}`)).status).toBe(404);
};

type Rest = ReturnType<typeof restOf>;

const topic = (device: Device, resource: string, path: string): string =>
  `kp1/${device.appVersion}/${resource}/${device.token}/${path}`;

/** Publishes and waits for the answer on `/status`: its payload. */
const request = async (to: string, payload: string): Promise<string> => {
  const { code, stdout, stderr } = await mosquittoRr([
    ...['-V', '311', '-W', '10', '-e', `${to}/status`, '-t', to, '-q', '1', '-m', payload],
  ]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return stdout.trim();
};

const sendsTelemetry = async (device: Device, rest: Rest): Promise<void> => {
  await request(topic(device, 'dcx', 'json/1'), '{"temperature":21}');
  expect(await rest('GET', `/devices/${device.id}/telemetry/latest?keys=temperature`)).toMatchObject({
    status: 200,
    body: { items: [{ key: 'temperature', value: 21 }] },
  });
};

const isConfigured = async (device: Device, rest: Rest): Promise<void> => {
  const path = `/devices/${device.id}/configuration`;
  const inbox = await mosquittoSub([
    '-V',
    '311',
    '-q',
    '1',
    '-t',
    topic(device, 'cmx', 'config/json/status'),
  ]);
  try {
    // configuration hears of a new device by an event.
    const { configId } = await eventually(async () => {
      const { status, body } = await rest('PATCH', `${path}/desired`, { interval: 60 });
      return status === 200 ? (body as { configId: string }) : false;
    });
    await inbox.line((line) => line.includes(configId));
    await request(topic(device, 'cmx', 'applied/json/2'), JSON.stringify({ configId }));
    expect(await rest('GET', path)).toMatchObject({ body: { syncState: 'in_sync', configId } });
  } finally {
    await inbox.stop();
  }
};

const obeysACommand = async (device: Device, rest: Rest): Promise<void> => {
  const path = `/devices/${device.id}/commands`;
  const inbox = await mosquittoSub([
    '-V',
    '311',
    '-q',
    '1',
    '-t',
    topic(device, 'cex', 'command/reboot/status'),
  ]);
  try {
    const { status, body } = await rest('POST', path, { type: 'reboot', payload: { after: 5 } });
    expect(status).toBe(201);
    const { id } = body as { id: string };
    const [command] = JSON.parse(await inbox.line((line) => line.includes('"after":5'))) as { id: unknown }[];
    await request(
      topic(device, 'cex', 'result/reboot/3'),
      JSON.stringify([{ id: command?.id, statusCode: 200 }]),
    );
    await eventually(async () => {
      expect((await rest('GET', `${path}/${id}`)).body).toMatchObject({ status: 'executed' });
      return true;
    });
  } finally {
    await inbox.stop();
  }
};

/** Written by a pod of the gateway, read by one of the http-adapter: they share the volume of files. */
const downloadsAFirmware = async ({ devicesUrl }: Doors, rest: Rest): Promise<void> => {
  const keys = { versionKey: 'fw_version', urlKey: 'fw_url', tokenKey: 'fw_token' };
  const type = await rest('POST', '/device-types/radiator/firmware-types', { name: 'main', ...keys });
  expect(type.status).toBe(201);
  const form = new FormData();
  form.set('firmwareType', 'main');
  form.set('version', '1.0.0');
  form.set('file', new Blob(['0123456789']), 'main.bin');
  const made = await rest('POST', '/firmwares', form);
  expect(made.status).toBe(201);
  const { id, url } = made.body as { id: string; url: string };
  expect(url.startsWith(`${devicesUrl}/`)).toBe(true);
  const issued = await rest('POST', `/firmwares/${id}/download-tokens`, {});
  const { token } = issued.body as { token: string };
  const file = await fetch(url, { headers: { 'x-auth-token': token, connection: 'close' } });
  expect([file.status, await file.text()]).toEqual([200, '0123456789']);
};
