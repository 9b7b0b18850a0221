import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { startSimulator, type Simulator, type SimulatorOptions } from '@muster/iothub-simulator';
import { eventually, startPlatform, type Platform } from '@muster/testing';
import { Client, type Twin } from 'azure-iot-device';
import { Mqtt } from 'azure-iot-device-mqtt';
import { Registry } from 'azure-iothub';

export interface HubDevice {
  readonly id: string;
  readonly name: string;
  readonly token: string;
}

interface Proof {
  readonly cert: string;
  readonly key: string;
}

/** The whole platform beside a simulated hub that it trusts, and devices of Microsoft's SDK. */
export interface PlatformWithHub {
  readonly platform: Platform;
  readonly simulator: Simulator;
  get(path: string): Promise<unknown>;
  /** Of the type `radiator`, which there is. */
  newDevice(more?: object): Promise<HubDevice>;
  /** Waits until its identity is in the hub; what it connects with. */
  inHub(device: HubDevice): Promise<string>;
  /** Closed by `closeClients`. */
  connect(device: HubDevice, proof?: Proof): Promise<Client>;
  closeClients(): Promise<void>;
  stop(): Promise<void>;
}

export const EVERY_ROUTE = [
  'DeviceMessages',
  'TwinChangeEvents',
  'DeviceLifecycleEvents',
  'DeviceConnectionStateEvents',
] as const;

export const startPlatformWithHub = async (options: SimulatorOptions = {}): Promise<PlatformWithHub> => {
  const simulator = await startSimulator({ routes: EVERY_ROUTE, ...options });
  const directory = await mkdtemp(join(tmpdir(), 'muster-iothub-'));
  const authority = join(directory, 'authority.pem');
  const sealing = join(directory, 'sealing-key');
  await writeFile(authority, simulator.authority);
  await writeFile(sealing, randomBytes(32).toString('base64url'));
  const platform = await startPlatform({
    NODE_EXTRA_CA_CERTS: authority,
    MUSTER_SEALING_KEY_FILE: sealing,
    MUSTER_IOTHUB_ADAPTER_SYNC_EVERY_MS: '100',
    MUSTER_IOTHUB_ADAPTER_CLAIM_SECONDS: '5',
  });
  expect(await platform.api('POST', '/device-types', { name: 'radiator' })).toMatchObject({ status: 201 });
  let clients: Client[] = [];
  let devices = 0;
  const inHub = (device: HubDevice): Promise<string> =>
    eventually(() => simulator.deviceConnectionString(device.token), {
      what: 'the identity is made',
      deadlineMs: 30_000,
    });
  const closeClients = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.close()));
    clients = [];
  };
  return {
    platform,
    simulator,
    get: async (path) => (await platform.api('GET', path)).body,
    newDevice: async (more = {}) => {
      devices += 1;
      const created = await platform.api('POST', '/devices', {
        name: `in-the-hub-${devices}`,
        deviceType: 'radiator',
        interface: 'iothub',
        ...more,
      });
      expect(created).toMatchObject({ status: 201 });
      return created.body as HubDevice;
    },
    inHub,
    connect: async (device, proof) => {
      await inHub(device);
      const client = await connectHubDevice(simulator, device.token, proof);
      clients.push(client);
      return client;
    },
    closeClients,
    stop: async () => {
      await closeClients();
      await platform.stop();
      await simulator.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};

export const connectHubDevice = async (
  simulator: Simulator,
  hubDeviceId: string,
  proof?: Proof,
): Promise<Client> => {
  const client = Client.fromConnectionString(simulator.deviceConnectionString(hubDeviceId), Mqtt);
  await client.setOptions({ ca: simulator.authority, ...proof });
  client.on('error', () => undefined);
  await client.open();
  return client;
};

/** The platform shares a busy machine with the simulator. */
export const until = (what: string, assertions: () => Promise<void>, deadlineMs = 20_000): Promise<true> =>
  eventually(() => assertions().then((): true => true), { what, deadlineMs, everyMs: 100 });

/** What the device says of itself. */
export const report = (twin: Twin, patch: object): Promise<void> =>
  new Promise((resolve, reject) => {
    // The SDK types it as any.
    const { reported } = twin.properties as unknown as {
      reported: { update(patch: object, done: (error?: Error) => void): void };
    };
    reported.update(patch, (error) => (error ? reject(error) : resolve()));
  });

interface Told {
  readonly configId: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** The configuration that a twin has for its device. */
export const told = (twin: Twin): Told | undefined =>
  (twin.properties.desired as { muster?: { configuration?: Told } }).muster?.configuration;

/** The service's side by Microsoft's SDK, as somebody else who has the key of the hub. */
export const openRegistry = (simulator: Simulator): Registry => {
  const registry = Registry.fromConnectionString(simulator.connectionString());
  // The SDK always calls port 443, and has no option for another one.
  const { _restApiClient: client } = registry as unknown as {
    _restApiClient: { setOptions(options: object): void };
  };
  client.setOptions({ http: { agent: simulator.httpsAgent() } });
  return registry;
};
