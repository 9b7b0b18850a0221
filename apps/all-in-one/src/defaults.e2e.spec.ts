import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, mosquittoPub, mosquittoSub, startPlatform, type Platform } from '@muster/testing';

/** The whole platform and mosquitto's clients: from an operator's default to what the device is sent. */
let platform: Platform;

interface Device {
  readonly id: string;
  readonly token: string;
}
interface Push {
  readonly configId: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const TYPE = '/device-types/boiler';

const ok = async (method: string, path: string, body: unknown, status: number): Promise<unknown> => {
  const answer = await platform.api(method, path, body);
  expect({ path, status: answer.status, body: answer.body }).toMatchObject({ status });
  return answer.body;
};

beforeAll(async () => {
  platform = await startPlatform();
  const appVersions = [{ name: 'boiler-v1' }, { name: 'boiler-v2' }];
  await ok('POST', '/device-types', { name: 'boiler', appVersions }, 201);
}, 90_000);

afterAll(async () => {
  await platform.stop();
});

describe('a default', () => {
  it('goes to the device by itself, is offered again when asked for, and gives way to the own value', async () => {
    await ok('PATCH', `${TYPE}/configuration`, { keys: { setpoint: { schema: { type: 'number' } } } }, 200);
    await ok('PUT', `${TYPE}/configuration/defaults`, { setpoint: 19 }, 202);
    const device = (await ok(
      'POST',
      '/devices',
      { name: 'b1', deviceType: 'boiler', appVersion: 'boiler-v1' },
      201,
    )) as Device;
    const topic = (rest: string) => `kp1/boiler-v1/cmx/${device.token}/${rest}`;
    const inbox = await mosquittoSub(['-V', '311', '-q', '1', '-t', topic('config/json/status')]);
    const pushes = () => inbox.lines().map((line) => JSON.parse(line) as Push);
    const sent = (setpoint: number, after = 0) =>
      eventually(
        () =>
          pushes()
            .slice(after)
            .find(({ config }) => config['setpoint'] === setpoint),
        { what: `the device is sent ${setpoint}`, deadlineMs: 15_000 },
      );
    const becomes = (syncState: string) =>
      eventually(
        async () => {
          const { body } = await platform.api('GET', `/devices/${device.id}/configuration`);
          return (body as { syncState: string }).syncState === syncState;
        },
        { what: `the device is ${syncState}`, deadlineMs: 15_000 },
      );
    try {
      const first = await sent(19);
      expect(first.config).toEqual({ setpoint: 19 });
      await becomes('dispatched');

      const refusal = { configId: first.configId, statusCode: 409, reasonPhrase: 'sensor broken' };
      const report = ['-V', '311', '-q', '1', '-t', topic('applied/json'), '-m', JSON.stringify(refusal)];
      expect(await mosquittoPub(report)).toMatchObject({ code: 0 });
      await becomes('rejected');
      const before = pushes().length;
      await ok('POST', `/devices/${device.id}/configuration/reoffer`, { reason: 'sensor replaced' }, 200);
      expect(await sent(19, before)).toEqual(first);

      await ok('PATCH', `${TYPE}/configuration/defaults`, { setpoint: 18 }, 202);
      await sent(18);
      await ok('PATCH', `/devices/${device.id}/configuration/desired`, { setpoint: 21 }, 200);
      await sent(21);

      const { jobId } = (await ok('PATCH', `${TYPE}/configuration/defaults`, { setpoint: 17 }, 202)) as {
        jobId: string;
      };
      await eventually(
        async () => {
          const { body } = await platform.api('GET', `/jobs/${jobId}`);
          return (body as { status: string }).status === 'success';
        },
        { what: 'the job has ended', deadlineMs: 15_000 },
      );
      await ok('PATCH', `/devices/${device.id}/configuration/desired`, { setpoint: null }, 200);
      await sent(17);
      // Each may come twice, but none between.
      const setpoints = pushes().map(({ config }) => config['setpoint']);
      expect(setpoints.filter((one, index) => one !== setpoints[index - 1])).toEqual([19, 18, 21, 17]);
      // The job that changed the default of an overridden key left no trace on the device.
      const { body } = await platform.api('GET', `/devices/${device.id}/configuration/history?key=setpoint`);
      const { items } = body as { items: readonly { to: unknown; source: { kind: string } }[] };
      expect(items.map(({ to, source }) => [to, source.kind])).toEqual([
        [17, 'api-key'],
        [21, 'api-key'],
        [18, 'default'],
        [19, 'default'],
      ]);
    } finally {
      await inbox.stop();
    }
  }, 90_000);
});
