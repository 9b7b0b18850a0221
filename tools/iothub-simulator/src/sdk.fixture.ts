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
import rhea, { type AmqpError, type EventContext } from 'rhea';
import { makeSasToken } from './security/sas.js';
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

/** An IoT Hub of Azure that is there for tests, by a policy with all rights. Undefined: there is none. */
const GIVEN_HUB = process.env['MUSTER_IOTHUB_CONNECTION_STRING'];

/** Azure takes its time: feedback comes in batches of 15 s, queries see a change some seconds later. */
const AZURE_MS = 60_000;
const HERE_MS = 5_000;
const CLOCKS_DIFFER_MS = 60_000;

/** Microsoft's SDKs against a simulator or a hub of Azure, and the end of all that was opened. */
export class Sdk {
  private readonly closings: (() => Promise<unknown>)[] = [];
  private readonly startedAt = Date.now();

  private constructor(
    private readonly hub: {
      connectionString(policy?: string): string;
      deviceConnectionString(deviceId: string): string | Promise<string>;
      eventHubConnectionString(policy?: string): string | Promise<string>;
    },
    private readonly simulated?: Simulator,
  ) {}

  static async start(options: SimulatorOptions = {}): Promise<Sdk> {
    const simulator = await startSimulator(options);
    trust(simulator.authority);
    return new Sdk(simulator, simulator);
  }

  /** Against the hub of Azure, if one is given. */
  static async startWherever(options: SimulatorOptions): Promise<Sdk> {
    if (GIVEN_HUB === undefined) return Sdk.start(options);
    const sdk: Sdk = new Sdk({
      connectionString: () => GIVEN_HUB,
      deviceConnectionString: async (deviceId) => {
        const { responseBody } = await sdk.registry().get(deviceId);
        const { authentication } = responseBody as unknown as {
          authentication: { type: string; symmetricKey: { primaryKey: string } };
        };
        const { primaryKey } = authentication.symmetricKey;
        const proof = authentication.type === 'sas' ? `SharedAccessKey=${primaryKey}` : 'x509=true';
        return `HostName=${partOf(GIVEN_HUB, 'HostName')};DeviceId=${deviceId};${proof}`;
      },
      eventHubConnectionString: () => findEventHub(GIVEN_HUB),
    });
    return sdk;
  }

  /** What only a simulator can do. */
  get simulator(): Simulator {
    if (this.simulated === undefined) throw new Error('there is no simulator: a hub of Azure is given');
    return this.simulated;
  }

  /** For whatever is waited for. */
  get patience(): { readonly deadlineMs: number } {
    return { deadlineMs: this.simulated === undefined ? AZURE_MS : HERE_MS };
  }

  /** Asked of the hub itself. */
  eventHub(): Promise<string> {
    return findEventHub(this.hub.connectionString());
  }

  registry(policy?: string): iothub.Registry {
    const registry = iothub.Registry.fromConnectionString(this.hub.connectionString(policy));
    this.lead(registry);
    return registry;
  }

  async service(policy?: string): Promise<iothub.Client> {
    const client = iothub.Client.fromConnectionString(this.hub.connectionString(policy));
    this.lead(client);
    await client.open();
    this.closings.push(() => client.close());
    return client;
  }

  /** To the simulator: the SDK always calls port 443. */
  private lead(client: object): void {
    if (this.simulated === undefined) return;
    const { _restApiClient } = client as {
      readonly _restApiClient: { setOptions(options: object): void };
    };
    _restApiClient.setOptions({ http: { agent: this.simulated.httpsAgent() } });
  }

  /** Connects. With a certificate, by it; else by the key of the identity. */
  async device(deviceId: string, certificate?: CertificateAndKey): Promise<iotDevice.Client> {
    const client = this.clientOf(await this.hub.deviceConnectionString(deviceId), certificate);
    await client.open();
    return client;
  }

  /** Of a device in the simulator; it does not connect yet. */
  deviceClient(deviceId: string, certificate?: CertificateAndKey): iotDevice.Client {
    return this.clientOf(this.simulator.deviceConnectionString(deviceId), certificate);
  }

  private clientOf(connectionString: string, certificate?: CertificateAndKey): iotDevice.Client {
    const client = iotDevice.Client.fromConnectionString(connectionString, iotDeviceMqtt.Mqtt);
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

  /** Everything that came since the start, wherever it is. */
  async readAll(): Promise<Reading> {
    const consumer = new EventHubConsumerClient('$Default', await this.hub.eventHubConnectionString());
    this.closings.push(() => consumer.close());
    const before = this.startedAt - CLOCKS_DIFFER_MS;
    return this.read(consumer, { startPosition: { enqueuedOn: before } });
  }

  async stop(): Promise<void> {
    for (const close of this.closings.reverse()) await close().catch(() => undefined);
    await this.simulated?.close();
  }
}

const partOf = (connectionString: string, name: string): string =>
  new RegExp(`(?:^|;)${name}=([^;]+)`).exec(connectionString)?.[1] ?? '';

/**
 * As Microsoft tells how: who would read `messages/events` is redirected to the event hub, whose connection string has the same
 * policy and key.
 */
const findEventHub = async (connectionString: string): Promise<string> => {
  const [host = '', port = '5671'] = partOf(connectionString, 'HostName').split(':');
  const [policy, key] = ['SharedAccessKeyName', 'SharedAccessKey'].map((name) =>
    partOf(connectionString, name),
  );
  const connection = rhea.create_container().connect({
    ...{ host, port: Number(port), transport: 'tls', servername: host, reconnect: false },
    username: 'anonymous',
  });
  const found = new Promise<string>((resolve, reject) => {
    connection.on('disconnected', () => reject(new Error(`${host} has closed the connection`)));
    connection.on('connection_error', () => reject(new Error(`${host} has ended the connection`)));
    connection.on('receiver_error', ({ receiver }: EventContext) => {
      const error = receiver?.error as AmqpError | undefined;
      const { hostname = '', address = '' } = (error?.info ?? {}) as { hostname?: string; address?: string };
      const [, entity] = /^amqps?:\/\/[^/]+\/([^/]+)/.exec(address) ?? [];
      if (error?.condition !== 'amqp:link:redirect' || entity === undefined) {
        reject(new Error(`no redirect: ${error?.condition ?? ''} ${error?.description ?? ''}`));
        return;
      }
      resolve(
        `Endpoint=sb://${hostname}/;SharedAccessKeyName=${policy ?? ''};SharedAccessKey=${key ?? ''};EntityPath=${entity}`,
      );
    });
    const claims = connection.open_sender('$cbs');
    connection.open_receiver('$cbs').on('message', ({ message }: EventContext) => {
      const answer: Readonly<Record<string, unknown>> = message?.application_properties ?? {};
      const status = Number(answer['status-code']);
      if (status >= 300) reject(new Error(`the token is refused: ${status}`));
      else connection.open_receiver(`amqps://${host}/messages/events/$management`);
    });
    claims.once('sendable', () => {
      const token = makeSasToken(host, key ?? '', Date.now() + 300_000, policy);
      const application_properties = {
        ...{ operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: host },
      };
      claims.send({ message_id: '1', reply_to: '$cbs', application_properties, body: token });
    });
  });
  try {
    return await found;
  } finally {
    connection.removeAllListeners('disconnected');
    connection.on('disconnected', () => undefined);
    connection.close();
  }
};

/** What NODE_EXTRA_CA_CERTS does for a process from its start. */
const trust = (authority: string): void => {
  // Newer than the types of Node.js here.
  const { setDefaultCACertificates, getCACertificates } = tls as unknown as {
    setDefaultCACertificates(certificates: readonly string[]): void;
    getCACertificates(kind: 'default'): readonly string[];
  };
  setDefaultCACertificates([...getCACertificates('default'), authority]);
};
