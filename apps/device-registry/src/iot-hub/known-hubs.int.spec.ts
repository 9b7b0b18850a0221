import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { learnHub } from '@muster/contracts/device-registry/iot-hubs.requests';
import { code, startRegistry, tenantId, type RunningRegistry } from '../running-registry.fixture.js';

let registry: RunningRegistry;
beforeAll(async () => {
  registry = await startRegistry();
}, 60_000);
afterAll(() => registry.stop());

it('takes devices into an IoT Hub as soon as it is told of it, and of what is older nothing is taken back', async () => {
  const [own, other] = [await registry.createType(), await registry.createType()];
  const learn = (version: number, deviceTypes?: string[]) =>
    registry.bus.request(learnHub, {
      ...{ tenantId, hubId: 'hub', version },
      ...(deviceTypes === undefined ? {} : { deviceTypes }),
    });
  const made = (deviceType: string) => registry.provision({ deviceType, interface: 'iothub' });

  await learn(2, [own.id]);
  expect(await made(own.name)).toMatchObject({ interface: 'iothub' });
  expect(await code(made(other.name))).toBe('invalid-request');
  await learn(2, [own.id]);
  await learn(1, [other.id]);
  expect(await code(made(other.name))).toBe('invalid-request');
  await learn(4);
  expect(await code(made(own.name))).toBe('invalid-request');
  await learn(3, [own.id]);
  expect(await code(made(own.name))).toBe('invalid-request');
});
