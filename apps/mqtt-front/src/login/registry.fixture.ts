import { newId } from '@muster/contracts';
import { listAccess } from '@muster/contracts/device-registry/access.requests';
import {
  createDeviceType,
  type DeviceTypeInput,
} from '@muster/contracts/device-registry/device-types.requests';
import { provisionDevice, type ProvisionedDevice } from '@muster/contracts/device-registry/devices.requests';
import type { CredentialInput } from '@muster/contracts/device-registry/credential-input';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { eventually, startService, type ServiceProcess } from '@muster/testing';

export const tenantId = 'default';
export const base = { tenantId, actor: { kind: 'user', id: 'u1' } } as const;
export const logger = createLogger({ service: 'spec', level: 'silent' });
export const unique = (prefix: string): string => `${prefix}-${newId().replaceAll('-', '').slice(-12)}`;

/** A real device-registry, and what specs of a door make in it. */
export interface Registry {
  readonly service: ServiceProcess;
  readonly bus: Bus;
  createType(more?: Partial<DeviceTypeInput>): Promise<string>;
  deviceWith(credential?: CredentialInput, name?: string): Promise<ProvisionedDevice>;
  stop(): Promise<void>;
}

export const startRegistry = async (): Promise<Registry> => {
  const service = await startService('device-registry');
  const bus = await connectBus({ url: service.nats.url, name: 'spec', logger });
  await eventually(
    async () => {
      await bus.request(listAccess, { limit: 1 });
      return true;
    },
    { what: 'device-registry serves', deadlineMs: 30_000 },
  ).catch((error: unknown) => {
    throw new Error(service.log(), { cause: error });
  });
  const createType = async (more: Partial<DeviceTypeInput> = {}): Promise<string> => {
    const deviceType = { name: unique('type'), ...more };
    return (await bus.request(createDeviceType, { ...base, deviceType })).id;
  };
  const deviceType = await createType();
  return {
    service,
    bus,
    createType,
    deviceWith: (credential, name = unique('device')) =>
      bus.request(provisionDevice, {
        ...base,
        device: { name, deviceType, ...(credential === undefined ? {} : { credential }) },
      }),
    stop: async () => {
      await bus.close();
      await service.stop();
    },
  };
};
