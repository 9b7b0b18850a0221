import { expect } from '@jest/globals';
import { eventually, mqttUrl, type Platform } from '@muster/testing';
import { connectAsync, type MqttClient } from 'mqtt';

export interface Made {
  readonly id: string;
  readonly token: string;
  readonly appVersion: string;
  readonly credential: { readonly secret?: string };
}

interface Document {
  readonly configId: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What a device says to a document: a status, and the state that it then reports. Undefined: it says nothing. */
export type Habit = (
  document: Document,
) => { readonly statusCode?: number; readonly reasonPhrase?: string; readonly state?: object } | undefined;

/** Applies everything. */
export const obeys: Habit = () => ({});
export const refuses =
  (statusCode: number): Habit =>
  () => ({ statusCode, reasonPhrase: `I say ${statusCode}.` });
export const silent: Habit = () => undefined;

/** Devices over MQTT, each with a connection of its own. */
export class MqttFleet {
  private readonly clients = new Map<string, MqttClient>();
  private readonly answers = new Map<string, (habit: Habit) => void>();
  private readonly states = new Map<string, (state: object) => Promise<unknown>>();
  /** Documents, by device, in their order. */
  readonly documents = new Map<string, Document[]>();

  async connect(device: Made, habit: Habit = obeys): Promise<void> {
    const client = await connectAsync(mqttUrl(), { clientId: `campaign-${device.id}` });
    this.clients.set(device.id, client);
    const topic = (rest: string): string => `kp1/${device.appVersion}/cmx/${device.token}/${rest}`;
    const answer = (document: Document, how: Habit): void => {
      const said = how(document);
      if (said === undefined) return;
      const { state, ...applied } = said;
      const body = JSON.stringify({ configId: document.configId, ...applied });
      client.publish(topic('applied/json'), body, { qos: 1 });
      if (state !== undefined) client.publish(topic('state/json'), JSON.stringify(state), { qos: 1 });
    };
    client.on('message', (_topic, payload) => {
      const document = JSON.parse(payload.toString()) as Document;
      this.documents.set(device.id, [...(this.documents.get(device.id) ?? []), document]);
      answer(document, habit);
    });
    this.answers.set(device.id, (how) => {
      const last = this.documents.get(device.id)?.at(-1);
      if (last !== undefined) answer(last, how);
    });
    this.states.set(device.id, (state) =>
      client.publishAsync(topic('state/json'), JSON.stringify(state), { qos: 1 }),
    );
    await client.subscribeAsync(topic('config/json/status'), { qos: 1 });
  }

  /** One that is connected says of itself what it is. */
  async state({ id }: Made, state: object): Promise<void> {
    await this.states.get(id)?.(state);
  }

  /** One that has been silent answers the last document it was sent. */
  answer({ id }: Made, habit: Habit = obeys): void {
    this.answers.get(id)?.(habit);
  }

  async connectAll(devices: readonly Made[], habitOf: (nth: number) => Habit = () => obeys): Promise<void> {
    await Promise.all(devices.map((device, nth) => this.connect(device, habitOf(nth))));
  }

  /** How many of them were ever sent a document. */
  told(devices: readonly Made[]): number {
    return devices.filter(({ id }) => this.documents.has(id)).length;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.clients.values()].map((client) => client.endAsync()));
    this.clients.clear();
  }
}

/** A device that asks over HTTP. */
export class HttpDevice {
  constructor(
    private readonly platform: Platform,
    private readonly device: Made,
  ) {}

  ask(): Promise<Document> {
    return this.post('config', {}) as Promise<Document>;
  }

  /** Asks for its document, and says what it thinks of it. */
  async apply(statusCode = 200): Promise<void> {
    const { configId } = await this.ask();
    await this.post('applied', { configId, statusCode });
  }

  private async post(path: string, body: object): Promise<unknown> {
    const { token, appVersion, credential } = this.device;
    const response = await fetch(`${this.platform.devicesUrl}/kp1/${appVersion}/cmx/${token}/${path}/json`, {
      method: 'POST',
      headers: { authorization: `Bearer ${credential.secret ?? ''}` },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(200);
    return response.json().catch(() => undefined);
  }
}

export interface CampaignAnswer {
  readonly id: string;
  readonly status: string;
  readonly phase: string | null;
  readonly phaseDetail?: string;
  readonly nextAt: string | null;
  readonly outcome: string | null;
  readonly jobId: string | null;
  readonly total: number | null;
  readonly batches: readonly {
    readonly index: number;
    readonly status: string;
    readonly size: number | null;
    readonly jobId?: string;
    readonly releasedAt?: string;
    readonly verdict?: { readonly answer: string };
  }[];
  readonly pause?: { readonly reason: string; readonly detail: string };
  readonly launchError?: { readonly code: string; readonly detail: string };
}

export interface TargetAnswer {
  readonly deviceId: string;
  readonly name: string;
  readonly status: string;
  readonly attempts: number;
  readonly synchronised: boolean;
  readonly late?: boolean;
  readonly dispatchedAt?: string;
  readonly reason?: {
    readonly code: string;
    readonly origin: string;
    readonly detail?: string;
    readonly by?: object;
  };
}

/** Campaigns through the REST API. */
export class Campaigning {
  constructor(private readonly platform: Platform) {}

  async devices(deviceType: string, count: number, more: object = {}, names = deviceType): Promise<Made[]> {
    const made: Made[] = [];
    let next = 0;
    const create = async (): Promise<void> => {
      for (let nth = next++; nth < count; nth = next++) {
        const body = { name: `${names}-${String(nth).padStart(4, '0')}`, deviceType, ...more };
        const { status, body: device } = await this.platform.api('POST', '/devices', body);
        expect(status).toBe(201);
        made[nth] = device as Made;
      }
    };
    await Promise.all(Array.from({ length: 8 }, create));
    return made;
  }

  async type(name: string): Promise<void> {
    expect((await this.platform.api('POST', '/device-types', { name })).status).toBe(201);
  }

  /** Of a type that has none yet; handed out under `version`, `url` and `token`. */
  async firmware(
    deviceType: string,
    version: string,
  ): Promise<{ readonly id: string; readonly url: string }> {
    const type = await this.platform.api('POST', `/device-types/${deviceType}/firmware-types`, {
      name: `${deviceType}-main`,
      ...{ versionKey: 'version', urlKey: 'url', tokenKey: 'token' },
    });
    expect(type.status).toBe(201);
    const form = new FormData();
    form.set('firmwareType', (type.body as { id: string }).id);
    form.set('version', version);
    form.set('file', new Blob(['firmware']), 'fw.bin');
    const uploaded = await fetch(`${this.platform.url}/api/v1/firmwares`, {
      method: 'POST',
      headers: { 'x-api-key': this.platform.apiKey },
      body: form,
    });
    expect(uploaded.status).toBe(201);
    return (await uploaded.json()) as { id: string; url: string };
  }

  async act(campaignId: string, what: string, body?: object): Promise<CampaignAnswer> {
    const { status, body: answer } = await this.platform.api(
      'POST',
      `/campaigns/${campaignId}/${what}`,
      body,
    );
    expect([status, answer]).toEqual([200, answer]);
    return answer as CampaignAnswer;
  }

  async draft(campaign: object): Promise<string> {
    const { status, body } = await this.platform.api('POST', '/campaigns', campaign);
    expect([status, body]).toEqual([201, body]);
    return (body as CampaignAnswer).id;
  }

  async launch(campaign: object): Promise<string> {
    const id = await this.draft(campaign);
    await this.act(id, 'launch');
    return id;
  }

  async get(campaignId: string): Promise<CampaignAnswer> {
    return (await this.platform.api('GET', `/campaigns/${campaignId}`)).body as CampaignAnswer;
  }

  /** Waits until the campaign is as `matches` says; fails with how it is. */
  until(
    campaignId: string,
    matches: (campaign: CampaignAnswer) => boolean,
    deadlineMs = 20_000,
  ): Promise<CampaignAnswer> {
    return eventually(
      async () => {
        const found = await this.get(campaignId);
        if (!matches(found)) throw new Error(JSON.stringify(found));
        return found;
      },
      { deadlineMs, what: 'the campaign stands so' },
    );
  }

  async targets(campaignId: string, query = ''): Promise<readonly TargetAnswer[]> {
    const { status, body } = await this.platform.api(
      'GET',
      `/campaigns/${campaignId}/targets?limit=200${query}`,
    );
    expect([status, body]).toEqual([200, body]);
    return (body as { items: TargetAnswer[] }).items;
  }

  async raise(campaignId: string, ratePerMinute: number): Promise<void> {
    const { status } = await this.platform.api('PATCH', `/campaigns/${campaignId}/rate`, { ratePerMinute });
    expect(status).toBe(200);
  }

  /** How many devices stand so, when all that were begun have succeeded. */
  settled(campaignId: string, status: string): Promise<readonly [number]> {
    return eventually(
      async () => {
        const targets = await this.targets(campaignId);
        const left = targets.filter((target) => target.status === status).length;
        const succeeded = targets.filter((target) => target.status === 'succeeded').length;
        expect(left + succeeded).toBe(targets.length);
        return [left] as const;
      },
      { deadlineMs: 15_000, what: 'what was begun has succeeded' },
    );
  }

  /** Waits until so many devices stand so, and all others are where they are said to be. */
  async counts(
    campaignId: string,
    expected: Readonly<Record<string, number>>,
    deadlineMs = 20_000,
  ): Promise<void> {
    await eventually(
      async () => {
        const counts: Record<string, number> = {};
        for (const { status } of await this.targets(campaignId)) counts[status] = (counts[status] ?? 0) + 1;
        expect(counts).toEqual(expected);
        return true;
      },
      { deadlineMs, what: `the devices stand so: ${JSON.stringify(expected)}` },
    );
  }

  /** Waits until the supervision says this of the devices, and nothing of others. */
  async adoption(campaignId: string, expected: Readonly<Record<string, number>>): Promise<void> {
    await eventually(
      async () => {
        const { body } = await this.platform.api('GET', `/campaigns/${campaignId}/statistics`);
        const none = { pending: 0, valid: 0, invalid: 0, unknown: 0 };
        expect(body).toMatchObject({ adoption: { ...none, ...expected } });
        return true;
      },
      { deadlineMs: 20_000, what: `the verdicts are ${JSON.stringify(expected)}` },
    );
  }
}
