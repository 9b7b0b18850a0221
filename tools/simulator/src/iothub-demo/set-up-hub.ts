import { setTimeout as pause } from 'node:timers/promises';
import { ApiError, type PlatformApi } from '../platform-api.js';
import { createOnce } from '../provision-fleet.js';
import type { HubDevice } from './hub-device.js';

/** Of the hub and of the type of its devices. */
export const HUB = 'demo-hub';
export const TYPE = 'demo-press';
export const GROUP = 'demo-presses';
const DEVICES = 20;
/** Devices that can be slower than the others. */
const SLOW = 18;
const IN_HUB_WITHIN_MS = 60_000;

interface Named {
  readonly id: string;
  readonly name: string;
}

/**
 * The hub, the type and its devices, as far as they are not there, and what each device connects with. A hub that is in memory only
 * has forgotten them since the last time: it is taken out and added again, and all identities are made anew.
 */
export const setUpHub = async (
  api: PlatformApi,
  connectionString: string,
  signal: AbortSignal,
): Promise<readonly HubDevice[]> => {
  await createOnce(
    () => api('POST', '/device-types', { name: TYPE, description: 'Presses of the demo, in an IoT Hub' }),
    'device-type-name-taken',
  );
  await api('PATCH', `/device-types/${TYPE}/configuration`, {
    keys: { cycleSeconds: { schema: { type: 'number', minimum: 1, maximum: 60 } } },
  });
  const { items: hubs } = await api<{ items: Named[] }>('GET', '/iot-hubs?limit=500');
  for (const { id } of hubs.filter(({ name }) => name === HUB)) await api('DELETE', `/iot-hubs/${id}`);
  await api('POST', '/iot-hubs', {
    name: HUB,
    connectionString,
    consumerGroup: 'muster',
    tier: 'S3',
    deviceTypes: [TYPE],
  });
  for (let nth = 1; nth <= DEVICES; nth += 1) {
    const name = `press-${String(nth).padStart(2, '0')}`;
    const tags = nth <= 3 ? ['canary'] : ['line'];
    await createOnce(
      () =>
        api('POST', '/devices', {
          name,
          deviceType: TYPE,
          interface: 'iothub',
          folder: '/lyon/hall-2',
          tags,
        }),
      'device-name-taken',
    );
  }
  await createOnce(
    () =>
      api('POST', '/groups', {
        name: GROUP,
        description: 'Presses in the IoT Hub',
        filter: `deviceType==${TYPE}`,
      }),
    'group-name-taken',
  );
  const { items } = await api<{ items: Named[] }>('GET', `/devices?limit=500&filter=deviceType==${TYPE}`);
  const until = performance.now() + IN_HUB_WITHIN_MS;
  const devices: HubDevice[] = [];
  for (const { id, name } of items) {
    await untilMade(api, id, { until, signal });
    const path = `/devices/${id}/iot-hub/connection-string`;
    const { connectionString: own } = await api<{ connectionString: string }>('POST', path);
    devices.push({ name, connectionString: own, slowestSeconds: devices.length < SLOW ? 20 : 60 });
  }
  return devices;
};

const untilMade = async (
  api: PlatformApi,
  id: string,
  { until, signal }: { readonly until: number; readonly signal: AbortSignal },
): Promise<void> => {
  for (;;) {
    const { identity, fault } = await api<{ identity: string; fault?: string }>(
      'GET',
      `/devices/${id}/iot-hub`,
    ).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === 'iot-hub-device-not-found')
        return { identity: 'due', fault: undefined };
      throw error;
    });
    if (identity === 'made') return;
    if (performance.now() > until)
      throw new ApiError(0, '', `device ${id} is not in the hub: ${fault ?? identity}`);
    await pause(200, undefined, { signal });
  }
};
