import tls from 'node:tls';
import {
  EventHubConsumerClient,
  earliestEventPosition,
  type ReceivedEventData,
  type SubscribeOptions,
  type SubscriptionEventHandlers,
} from '@azure/event-hubs';
import iotCommon from 'azure-iot-common';
import iotDevice from 'azure-iot-device';
import iotDeviceMqtt from 'azure-iot-device-mqtt';
import iothub from 'azure-iothub';
import { startSimulator, type Simulator } from './simulator.js';
import type { SimulatorOptions } from './options.js';
import type { CertificateAndKey } from './security/certificates.js';

/** What a consumer has got until now. */
export interface Reading {
  readonly events: ReceivedEventData[];
  readonly errors: (Error & { readonly code?: string })[];
}

/** Of whatever the hub says of itself. */
export const sourceOf = ({ systemProperties }: ReceivedEventData): unknown =>
  systemProperties?.['iothub-message-source'];

export const deviceOf = ({ systemProperties }: ReceivedEventData): unknown =>
  systemProperties?.['iothub-connection-device-id'];

/** Microsoft's SDKs against a simulator, and the end of all that was opened. */
export class Sdk {
  private readonly closings: (() => Promise<unknown>)[] = [];

  private constructor(readonly simulator: Simulator) {}

  static async start(options: SimulatorOptions = {}): Promise<Sdk> {
    const simulator = await startSimulator(options);
    trust(simulator.authority);
    return new Sdk(simulator);
  }

  registry(policy?: string): iothub.Registry {
    const registry = iothub.Registry.fromConnectionString(this.simulator.connectionString(policy));
    // It always calls port 443.
    const { _restApiClient } = registry as unknown as {
      readonly _restApiClient: { setOptions(options: object): void };
    };
    _restApiClient.setOptions({ http: { agent: this.simulator.httpsAgent() } });
    return registry;
  }

  async service(policy?: string): Promise<iothub.Client> {
    const client = iothub.Client.fromConnectionString(this.simulator.connectionString(policy));
    const { _restApiClient } = client as unknown as {
      readonly _restApiClient: { setOptions(options: object): void };
    };
    _restApiClient.setOptions({ http: { agent: this.simulator.httpsAgent() } });
    await client.open();
    this.closings.push(() => client.close());
    return client;
  }

  /** Connects. With a certificate, by it; else by the key of the identity. */
  async device(deviceId: string, certificate?: CertificateAndKey): Promise<iotDevice.Client> {
    const client = this.deviceClient(deviceId, certificate);
    await client.open();
    return client;
  }

  deviceClient(deviceId: string, certificate?: CertificateAndKey): iotDevice.Client {
    const client = iotDevice.Client.fromConnectionString(
      this.simulator.deviceConnectionString(deviceId),
      iotDeviceMqtt.Mqtt,
    );
    if (certificate !== undefined) {
      void client.setOptions({ cert: certificate.certificate, key: certificate.key });
    }
    client.setRetryPolicy(new iotCommon.NoRetry());
    client.on('error', () => undefined);
    this.closings.push(() => client.close());
    return client;
  }

  consumer(group = '$Default', policy?: string): EventHubConsumerClient {
    const client = new EventHubConsumerClient(group, this.simulator.eventHubConnectionString(policy), {
      retryOptions: { maxRetries: 0 },
    });
    this.closings.push(() => client.close());
    return client;
  }

  /** Everything that comes, from the beginning unless told otherwise. */
  read(
    consumer: EventHubConsumerClient = this.consumer(),
    options: SubscribeOptions = {},
    partitionId?: string,
  ): Reading {
    const reading: Reading = { events: [], errors: [] };
    const handlers: SubscriptionEventHandlers = {
      processEvents: async (batch) => {
        reading.events.push(...batch);
      },
      processError: async (error) => {
        reading.errors.push(error);
      },
    };
    const settings = { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1, ...options };
    const subscription =
      partitionId === undefined
        ? consumer.subscribe(handlers, settings)
        : consumer.subscribe(partitionId, handlers, settings);
    this.closings.push(() => subscription.close());
    return reading;
  }

  async stop(): Promise<void> {
    for (const close of this.closings.reverse()) await close().catch(() => undefined);
    await this.simulator.close();
  }
}

/** What NODE_EXTRA_CA_CERTS does for a process from its start. */
const trust = (authority: string): void => {
  // Newer than the types of Node.js here.
  const { setDefaultCACertificates, getCACertificates } = tls as unknown as {
    setDefaultCACertificates(certificates: readonly string[]): void;
    getCACertificates(kind: 'default'): readonly string[];
  };
  setDefaultCACertificates([...getCACertificates('default'), authority]);
};
