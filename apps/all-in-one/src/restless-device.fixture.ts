import { mqttUrl } from '@muster/testing';
import { connectAsync, type MqttClient } from 'mqtt';

export interface Provisioned {
  readonly id: string;
  readonly token: string;
  readonly appVersion: string;
}

export interface Offered {
  readonly configId: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What this device refuses: a document with this value under `mood`. */
export const REFUSED_MOOD = 'bad';

/** A device as its developer would write it: applies or refuses what it is pushed, and says so; comes and goes. */
export class RestlessDevice {
  /** The last document it was sent. */
  offered: Offered | undefined;
  /** The last one it did not refuse. */
  applied: Offered | undefined;
  samples = 0;
  beats = 0;
  private client: MqttClient | undefined;
  private readonly underWay = new Set<Promise<unknown>>();

  constructor(
    readonly identity: Provisioned,
    private appVersion = identity.appVersion,
  ) {}

  async arrive(appVersion = this.appVersion): Promise<void> {
    this.appVersion = appVersion;
    const client = await connectAsync(mqttUrl(), { clientId: this.identity.id, clean: true });
    client.on('error', () => undefined); // it reconnects by itself
    client.on('message', (_topic, payload) => this.take(JSON.parse(payload.toString()) as Offered));
    this.client = client;
    await client.subscribeAsync(this.topic('cmx', 'config/json/status'), { qos: 1 });
  }

  /** After everything it said was acknowledged. */
  async leave(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay);
    await this.client?.endAsync();
    this.client = undefined;
  }

  /** As if it lost its power. */
  async vanish(): Promise<void> {
    await this.client?.endAsync(true);
    this.client = undefined;
  }

  /** Every second sample has a time of its own. */
  async sendSample(): Promise<void> {
    const n = this.samples;
    this.samples += 1;
    const own = n % 2 === 0 ? { ts: new Date(SAMPLES_FROM + n * 1_000).toISOString() } : {};
    await this.publish('dcx', 'json', { n, ...own });
  }

  async reportBeat(): Promise<void> {
    this.beats += 1;
    await this.publish('cmx', 'state/json', { beat: this.beats });
  }

  private take(offered: Offered): void {
    this.offered = offered;
    const { configId, config } = offered;
    const refuses = config['mood'] === REFUSED_MOOD;
    if (!refuses) this.applied = offered;
    const refusal = refuses ? { statusCode: 422, reasonPhrase: 'not in this mood' } : {};
    void this.publish('cmx', 'applied/json', { configId, ...refusal }).catch(() => undefined);
  }

  private async publish(extension: string, path: string, body: object): Promise<void> {
    const sending = this.client?.publishAsync(this.topic(extension, path), JSON.stringify(body), { qos: 1 });
    if (sending === undefined) return;
    this.underWay.add(sending);
    try {
      await sending;
    } finally {
      this.underWay.delete(sending);
    }
  }

  private topic(extension: string, path: string): string {
    return `kp1/${this.appVersion}/${extension}/${this.identity.token}/${path}`;
  }
}

/** A while ago, and not so long that a query without a range would leave them out. */
const SAMPLES_FROM = Date.now() - 600_000;
