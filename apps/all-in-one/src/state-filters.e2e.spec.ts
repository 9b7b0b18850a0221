import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, mosquittoPub, startPlatform, type Platform } from '@muster/testing';

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  await platform.api('POST', '/device-types', { name: 'radiator' });
}, 60_000);

afterAll(async () => {
  await platform.stop();
});

interface Device {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly appVersion: string;
}

const newDevice = async (name: string): Promise<Device> =>
  (await platform.api('POST', '/devices', { name, deviceType: 'radiator' })).body as Device;
const want = async ({ id }: Device, desired: object): Promise<string> => {
  const { status, body } = await platform.api('PATCH', `/devices/${id}/configuration/desired`, desired);
  expect(status).toBe(200);
  return (body as { configId: string }).configId;
};
const answer = async ({ appVersion, token }: Device, message: object): Promise<void> => {
  const topic = `kp1/${appVersion}/cmx/${token}/applied/json`;
  await mosquittoPub(['-V', '311', '-q', '1', '-t', topic, '-m', JSON.stringify(message)]);
};
const list = async (filter: string) => {
  const { body } = await platform.api('GET', `/devices?filter=${encodeURIComponent(filter)}`);
  return body as {
    items: { name: string; syncState: string }[];
    stateAsOf?: string;
    stateLagSeconds?: number;
  };
};
const names = async (filter: string): Promise<string[]> => (await list(filter)).items.map(({ name }) => name);
const matched = async (filter: string): Promise<number> => {
  const change = { target: { filter }, desired: { touched: true } };
  const { status, body } = await platform.api('POST', '/configuration/bulk?preview=true', change);
  expect(status).toBe(200);
  return (body as { matched: number }).matched;
};

describe('filters over state', () => {
  it('find what devices should be, what they say they are, and how far they are', async () => {
    const [kitchen, hall] = [await newDevice('kitchen'), await newDevice('hall')];
    const configId = await want(kitchen, { interval: 60, mode: 'eco' });
    // Acknowledged a moment ago: whoever acts on many devices waits for it.
    expect(await matched('desired.interval==60;syncState!=in_sync')).toBe(1);
    await answer(kitchen, { configId, statusCode: 200 });
    await eventually(async () => (await names('syncState==in_sync')).length === 1, {
      what: 'the device is in sync',
      deadlineMs: 20_000,
    });
    expect(await names('reported.interval>59;reported.mode==eco;syncState==in_sync')).toEqual(['kitchen']);
    const refused = await want(hall, { interval: 5 });
    await answer(hall, { configId: refused, statusCode: 400, reasonPhrase: 'too short' });
    await eventually(async () => (await names('syncState==rejected')).length === 1, {
      what: 'the device has refused',
      deadlineMs: 20_000,
    });
    const { items } = await list('desired.interval<10');
    expect(items).toMatchObject([{ name: 'hall', syncState: 'rejected' }]);
  });

  it('say how old they are, and what there is', async () => {
    const { stateAsOf, stateLagSeconds } = await eventually(
      async () => {
        const page = await list('syncState==rejected');
        return page.stateAsOf === undefined ? undefined : page;
      },
      { what: 'it is known', deadlineMs: 20_000 },
    );
    expect(Date.now() - Date.parse(stateAsOf ?? '')).toBeLessThan(20_000);
    expect(stateLagSeconds).toBeLessThan(20);
    const summary = await platform.api('GET', '/fleet/summary');
    expect(summary.body).toMatchObject({ total: 2, syncStates: { in_sync: 1, rejected: 1 } });
    const values = await platform.api('GET', '/filters/values?field=desired.interval');
    expect(values.body).toMatchObject({ complete: true, items: [{ devices: 1 }, { devices: 1 }] });
    const fields = (await platform.api('GET', '/filters/fields')).body as {
      items: { name: string; keys?: string[] }[];
    };
    expect(fields.items.find(({ name }) => name === 'reported.<key>')?.keys).toEqual(['interval', 'mode']);
  });

  it('find what was acknowledged before everything was killed', async () => {
    const porch = await newDevice('porch');
    await want(porch, { lamp: 'on' });
    await platform.kill9();
    await platform.restart();
    await eventually(async () => (await matched('desired.lamp==on')) === 1, {
      what: 'it is found',
      deadlineMs: 30_000,
    });
    expect((await platform.api('DELETE', `/devices/${porch.id}`)).status).toBe(204);
    expect(await names('desired.lamp==on')).toEqual([]);
  }, 90_000);
});
