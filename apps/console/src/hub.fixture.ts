import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSimulator, type Simulator } from '@muster/iothub-simulator';
import { Registry } from 'azure-iothub';

/** An IoT Hub beside the platform, which trusts it by `environment`. */
export interface HubBeside {
  readonly simulator: Simulator;
  readonly environment: Readonly<Record<string, string>>;
  /** As somebody else who has the key of the hub. */
  readonly changeTwin: (hubDeviceId: string, desired: object) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export const startHub = async (): Promise<HubBeside> => {
  const simulator = await startSimulator({
    routes: ['DeviceMessages', 'TwinChangeEvents', 'DeviceLifecycleEvents', 'DeviceConnectionStateEvents'],
  });
  const directory = await mkdtemp(join(tmpdir(), 'muster-console-hub-'));
  const authority = join(directory, 'authority.pem');
  const sealing = join(directory, 'sealing-key');
  await writeFile(authority, simulator.authority);
  await writeFile(sealing, randomBytes(32).toString('base64url'));
  return {
    simulator,
    environment: {
      NODE_EXTRA_CA_CERTS: authority,
      MUSTER_SEALING_KEY_FILE: sealing,
      MUSTER_IOTHUB_ADAPTER_SYNC_EVERY_MS: '100',
    },
    changeTwin: async (hubDeviceId, desired) => {
      const registry = Registry.fromConnectionString(simulator.connectionString());
      // The SDK always calls port 443, and has no option for another one.
      const { _restApiClient: client } = registry as unknown as {
        _restApiClient: { setOptions(options: object): void };
      };
      client.setOptions({ http: { agent: simulator.httpsAgent() } });
      await registry.updateTwin(hubDeviceId, { properties: { desired } }, '*');
    },
    stop: async () => {
      await simulator.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
