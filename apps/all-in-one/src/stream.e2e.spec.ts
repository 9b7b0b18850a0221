import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, startPlatform, type Platform } from '@muster/testing';
import { Campaigning, type Made } from './campaign.fixture.js';

interface Message {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly topic: string; readonly data: Readonly<Record<string, unknown>> };
}

/** A reader of server-sent events that keeps all it got. */
class Reader {
  readonly messages: Message[] = [];
  /** As a browser keeps it. */
  lastId = '';
  private readonly ended = new AbortController();
  private reading: Promise<void> = Promise.resolve();

  static async open(platform: Platform, topics: string, lastId?: string): Promise<Reader> {
    const reader = new Reader();
    const response = await fetch(`${platform.url}/api/v1/stream?topics=${topics}`, {
      headers: { 'x-api-key': platform.apiKey, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
      signal: reader.ended.signal,
    });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ]);
    reader.reading = reader.read(response).catch(() => undefined);
    await reader.until('it has its place', () => reader.lastId !== '');
    return reader;
  }

  until(what: string, matches: () => boolean): Promise<true> {
    return eventually(() => matches(), { deadlineMs: 15_000, what });
  }

  async close(): Promise<void> {
    this.ended.abort();
    await this.reading;
  }

  private async read(response: Response): Promise<void> {
    let text = '';
    const decoder = new TextDecoder();
    for await (const some of response.body ?? []) {
      text += decoder.decode(some as Uint8Array, { stream: true });
      const parts = text.split('\n\n');
      text = parts.pop() ?? '';
      parts.forEach((part) => this.take(part));
    }
  }

  private take(part: string): void {
    const field = (name: string): string | undefined =>
      part
        .split('\n')
        .find((line) => line.startsWith(`${name}: `))
        ?.slice(name.length + 2);
    this.lastId = field('id') ?? this.lastId;
    const data = field('data');
    if (data === undefined) return;
    this.messages.push({
      id: this.lastId,
      type: field('event') ?? '',
      data: JSON.parse(data) as Message['data'],
    });
  }
}

let platform: Platform;
let campaigns: Campaigning;
let devices: readonly Made[];

beforeAll(async () => {
  platform = await startPlatform({ MUSTER_GATEWAY_STREAMS: '2', MUSTER_GATEWAY_STREAM_SOURCES: '12' });
  campaigns = new Campaigning(platform);
  await campaigns.type('radiator');
  devices = await campaigns.devices('radiator', 3);
}, 60_000);

afterAll(async () => {
  await platform.stop();
});

const setDesired = async ({ id }: Made, desired: object): Promise<void> => {
  const { status } = await platform.api('PATCH', `/devices/${id}/configuration/desired`, desired);
  expect(status).toBe(200);
};
const steps = ({ messages }: Reader): readonly unknown[] =>
  messages
    .filter(({ type }) => type === 'desired-configuration.changed')
    .map(({ data }) => (data.data as { changes: { step: { to: unknown } } }).changes.step.to);

describe('GET /stream', () => {
  it('follows a job and the configuration of a device, and of no other', async () => {
    const [first, second] = devices as [Made, Made];
    const reader = await Reader.open(platform, `jobs,device.${first.id}`);
    await setDesired(second, { step: 99 });
    await setDesired(first, { step: 1 });
    const { status, body } = await platform.api('POST', '/devices/bulk', {
      target: { filter: 'deviceType==radiator' },
      tags: { add: ['winter'] },
    });
    expect([status, body]).toEqual([202, body]);
    const { jobId } = body as { jobId: string };
    await reader.until('the job has ended and the device has changed', () =>
      ['job.changed', 'device.changed', 'desired-configuration.changed'].every((type) =>
        reader.messages.some(
          (one) => one.type === type && (type !== 'job.changed' || one.data.data['status'] === 'success'),
        ),
      ),
    );
    await reader.close();
    expect(steps(reader)).toEqual([1]);
    const jobs = reader.messages.filter(({ data }) => data.topic === 'jobs');
    expect(jobs.at(-1)?.data.data).toMatchObject({ jobId, status: 'success', total: 3, done: 3 });
  });

  it('follows a campaign to its end, with the numbers of its devices', async () => {
    const id = await campaigns.draft({
      name: 'Warmer',
      target: { filter: 'deviceType==radiator' },
      configurations: { targetTemperature: 21 },
    });
    const reader = await Reader.open(platform, `campaign.${id}`);
    await campaigns.act(id, 'launch');
    const has = (type: string, data: object): boolean =>
      reader.messages.some(
        (one) => one.type === type && isDeepStrictEqual({ ...one.data.data, ...data }, one.data.data),
      );
    await reader.until('it has completed', () => has('campaign.changed', { change: 'completed' }));
    await reader.until('all are written', () =>
      has('campaign-targets.changed', { campaignId: id, byStatus: { written: 3 } }),
    );
    expect((await platform.api('DELETE', `/devices/${devices.at(-1)?.id}`)).status).toBe(204);
    await reader.until('one is removed', () =>
      has('campaign-targets.changed', { byStatus: { removed: 1, written: 2 } }),
    );
    await reader.close();
    expect(reader.messages.every(({ data }) => !('devices' in data.data))).toBe(true);
    for (const type of ['campaign-phase.changed', 'campaign-batch.changed'])
      expect(reader.messages.map((one) => one.type)).toContain(type);
  });

  it('goes on behind the last event: nothing is lost, and nothing comes twice', async () => {
    const [first] = devices as [Made];
    const topics = `fleet,device.${first.id}`;
    const before = await Reader.open(platform, topics);
    for (const step of [11, 12]) await setDesired(first, { step });
    await before.until('both are there', () => steps(before).length === 2);
    await before.close();
    for (const step of [13, 14]) await setDesired(first, { step });
    const after = await Reader.open(platform, topics, before.lastId);
    await setDesired(first, { step: 15 });
    await after.until('the last is there', () => steps(after).includes(15));
    await after.close();
    expect([steps(before), steps(after)]).toEqual([
      [11, 12],
      [13, 14, 15],
    ]);
    // In the middle of what came: behind exactly that.
    const again = await Reader.open(
      platform,
      topics,
      before.messages.find(({ data }) => data.topic !== 'fleet')?.id,
    );
    await again.until('the last is there', () => steps(again).includes(15));
    await again.close();
    expect(steps(again)).toEqual([12, 13, 14, 15]);
  });

  it('goes on when the bus was away', async () => {
    const [first] = devices as [Made];
    const reader = await Reader.open(platform, `device.${first.id}`);
    await setDesired(first, { step: 21 });
    await reader.until('the first is there', () => steps(reader).includes(21));
    await platform.nats.kill9();
    await platform.nats.restart();
    await eventually(
      async () => {
        expect((await platform.api('GET', `/devices/${first.id}`)).status).toBe(200);
        return true;
      },
      { deadlineMs: 15_000, what: 'the API answers again' },
    );
    await setDesired(first, { step: 22 });
    await reader.until('the second is there', () => steps(reader).includes(22));
    await reader.close();
    expect(steps(reader)).toEqual([21, 22]);
  }, 60_000);

  it('says when it cannot go on from there, and goes on from now', async () => {
    const reader = await Reader.open(platform, 'fleet');
    await reader.close();
    const lost = reader.lastId.replace(/[^.]*$/, 'zzzzzz');
    const again = await Reader.open(platform, 'fleet', lost);
    await again.until('it was told', () => again.messages.length > 0);
    const [created] = await campaigns.devices('radiator', 1, { name: 'radiator-new' });
    expect(created).toBeDefined();
    await again.until('the device is counted', () => again.messages.length > 1);
    await again.close();
    expect(again.messages.map(({ type }) => type)).toEqual(['reset', 'fleet.changed']);
    expect(again.messages[1]?.data.data).toMatchObject({ provisioned: 1, deleted: 0 });
  });

  it('refuses what is not there, what it cannot read, and more streams than may be open', async () => {
    const refused = async (topics: string, headers = {}) => {
      const { status, body } = await platform.api('GET', `/stream?topics=${topics}`, undefined, headers);
      const { code, errors } = body as { code: string; errors?: { path: string }[] };
      return [status, code, ...(errors ?? []).map(({ path }) => path)];
    };
    const nobody = '01936c41-7a8b-7c9d-8e0f-1a2b3c4d5e6f';
    expect(await refused(`jobs,device.${nobody}`)).toEqual([404, 'device-not-found', 'topics[1]']);
    expect(await refused(`campaign.${nobody}`)).toEqual([404, 'campaign-not-found', 'topics[0]']);
    expect(await refused(`supervision.${nobody}`)).toEqual([404, 'supervision-not-found', 'topics[0]']);
    expect(await refused('jobs,nonsense')).toEqual([400, 'invalid-request', 'topics']);
    expect(await refused('jobs', { 'last-event-id': 'nonsense' })).toEqual([
      400,
      'invalid-request',
      'Last-Event-ID',
    ]);
    const four = await Reader.open(platform, `device.${devices[0]?.id ?? ''}`);
    const wide = devices.map(({ id }) => `device.${id}`).join();
    const { status, body } = await platform.api('GET', `/stream?topics=${wide}`);
    expect([status, body]).toMatchObject([
      503,
      { detail: expect.stringMatching(/^These topics are 12 sources, .* read 4 of at most 12/) as unknown },
    ]);
    await four.close();
    const room = { what: 'there is room' };
    const readers = [
      await eventually(() => Reader.open(platform, 'jobs'), room),
      await eventually(() => Reader.open(platform, 'fleet'), room),
    ];
    const full = await platform.api('GET', '/stream?topics=jobs');
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '5']);
    await Promise.all(readers.map((reader) => reader.close()));
    await eventually(async () => (await Reader.open(platform, 'jobs')).close().then(() => true), {
      what: 'there is room again',
    });
  });
});
