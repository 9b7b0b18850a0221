import iotDevice from 'azure-iot-device';
import iotDeviceMqtt from 'azure-iot-device-mqtt';

export interface HubDevice {
  readonly name: string;
  /** As the hub, or the platform, gives it out. */
  readonly connectionString: string;
  /** Cycles slower than this it refuses. */
  readonly slowestSeconds: number;
}

export interface RunningDevice {
  stop(): Promise<void>;
}

interface Told {
  readonly configId: string;
  readonly config: Readonly<Record<string, unknown>>;
}

const RESOURCE = 'muster-resource';
const SAMPLE_MS = 5_000;

/**
 * A press in an IoT Hub, made of nothing but Microsoft's device SDK: what docs/iot-hub.md tells those who make devices. It says how
 * it is, takes its configuration from its twin, and commands as direct methods or, when it was away, as messages.
 */
export const runHubDevice = async (device: HubDevice): Promise<RunningDevice> => {
  const client = iotDevice.Client.fromConnectionString(device.connectionString, iotDeviceMqtt.Mqtt);
  // The SDK connects again by itself.
  client.on('error', () => undefined);
  await client.open();
  let cycleSeconds = 10;
  let strokes = 0;
  const twin = await client.getTwin();
  const apply = (): void => {
    const { configuration } = (twin.properties.desired as { muster?: { configuration?: Told } }).muster ?? {};
    if (configuration === undefined) return;
    const { configId, config } = configuration;
    const wanted = config['cycleSeconds'];
    const isTaken = typeof wanted !== 'number' || wanted <= device.slowestSeconds;
    if (isTaken && typeof wanted === 'number') cycleSeconds = wanted;
    const answer = isTaken
      ? { statusCode: 200, reasonPhrase: null }
      : { statusCode: 422, reasonPhrase: `it can press every ${device.slowestSeconds} s at the slowest` };
    void report(twin, { muster: { configuration: { configId, ...answer } } }).catch(() => undefined);
  };
  twin.on('properties.desired.muster', apply);
  await report(twin, { model: 'P-20', muster: { commands: 'messages' } });

  const act = (type: string): { readonly statusCode: number; readonly payload: object } => {
    if (type !== 'reset') return { statusCode: 404, payload: { known: ['reset'] } };
    strokes = 0;
    return { statusCode: 200, payload: { strokes } };
  };
  client.onDeviceMethod(
    'reset',
    (request: iotDevice.DeviceMethodRequest, response: iotDevice.DeviceMethodResponse) => {
      const { statusCode, payload } = act(request.methodName);
      void response.send(statusCode, payload).catch(() => undefined);
    },
  );
  client.on('message', (message: iotDevice.Message) => {
    const [, type = ''] =
      /^cex\/command\/(.+)$/.exec(String(message.properties.getValue(RESOURCE) ?? '')) ?? [];
    const commands = JSON.parse(message.getBytes().toString('utf8')) as { id: number }[];
    const results = commands.map(({ id }) => ({ id, ...act(type) }));
    void send(client, `cex/result/${type}`, results)
      .then(() => client.complete(message))
      .catch(() => undefined);
  });

  const tell = (): void => {
    strokes += 1;
    const temperature = Number((60 + 5 * Math.sin(strokes / 10) + Math.random()).toFixed(1));
    void client.sendEvent(json({ temperature, strokes, cycleSeconds })).catch(() => undefined);
  };
  tell();
  const samples = setInterval(tell, SAMPLE_MS);
  return {
    stop: async () => {
      clearInterval(samples);
      await client.close();
    },
  };
};

const json = (body: unknown): iotDevice.Message => {
  const message = new iotDevice.Message(JSON.stringify(body));
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  return message;
};

const send = async (client: iotDevice.Client, resource: string, body: unknown): Promise<void> => {
  const message = json(body);
  message.properties.add(RESOURCE, resource);
  await client.sendEvent(message);
};

const report = (twin: iotDevice.Twin, patch: object): Promise<void> =>
  new Promise((resolve, reject) => {
    // The SDK types it as any.
    const { reported } = twin.properties as unknown as {
      reported: { update(patch: object, done: (error?: Error) => void): void };
    };
    reported.update(patch, (error) => (error ? reject(error) : resolve()));
  });
