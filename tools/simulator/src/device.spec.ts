import { describe, expect, it } from '@jest/globals';
import {
  decodeAppliedConfiguration,
  decodeConfigurationRequest,
  formatTopic,
  parseTopic,
  type Topic,
} from '@muster/kp1';
import { Counters } from './counters.js';
import { Device, type World } from './device.js';
import { DownloadError } from './download-firmware.js';
import { parseOptions } from './options.js';
import { Scheduler } from './scheduler.js';

/** A device whose link writes down what it publishes; time is the test's. */
const start = (
  args: readonly string[] = [],
  download = (): Promise<void> => Promise.resolve(),
  known: { readonly historyFrom?: number; readonly version?: string } = {},
) => {
  const scheduler = new Scheduler();
  const counters = new Counters();
  const world: World = {
    options: parseOptions(['--config-delay', '1', '--command-delay', '1', '--firmware-delay', '1', ...args]),
    scheduler,
    counters,
    clock: () => scheduler.now,
    wallClock: () => scheduler.now,
    download,
  };
  const sent: { topic: Topic; body: string }[] = [];
  const link = {
    open: () => undefined,
    close: () => undefined,
    publish: (topic: Topic, body: string) => void sent.push({ topic, body }),
  };
  const identity = { index: 1, name: 'r-1', token: 'tok1', appVersion: 'r-v1', ...known };
  const device = new Device(identity, 'radiator', world);
  const pass = (ms: number): void => scheduler.runUntil(scheduler.now + ms);
  const say = (topic: string, payload: object | string): void => {
    const parsed = parseTopic(topic.replace('…', 'tok1'));
    if (parsed === undefined) throw new Error(topic);
    device.received(parsed, Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)));
  };
  /** Answers the last request to a resource. */
  const answer = (
    resource: string,
    payload: object | string,
    suffix: 'status' | 'error' = 'status',
  ): void => {
    const request = sentTo(resource).at(-1)!;
    say(formatTopic({ ...request.topic, suffix }), payload);
  };
  const sentTo = (resource: string) =>
    sent.filter(({ topic }) => [topic.extension, ...topic.path].join('/') === resource);
  const push = (configId: string, config: object = { targetTemperature: 21 }): void =>
    say('kp1/r-v1/cmx/…/config/json/status', { configId, config, statusCode: 200, reasonPhrase: 'ok' });
  const applied = () =>
    sentTo('cmx/applied/json').map(({ body }) => decodeAppliedConfiguration(Buffer.from(body)));
  return { device, link, counters, sent, sentTo, answer, push, applied, say, pass };
};

/** Lets promises that are settled already run their course. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a device that connects', () => {
  it('tells its metadata and version the first time only, and asks for what there is each time', () => {
    const { device, link, sent } = start();
    const resources = (): string[] => sent.map(({ topic }) => [topic.extension, ...topic.path].join('/'));
    device.up(link);
    const asks = ['cmx/config/json', 'cmx_ota/config/json', 'cex/command/boost', 'cex/command/reboot'];
    expect(resources()).toEqual(['epmx/update/keys', 'cmx_ota/applied/json', ...asks]);
    device.down();
    sent.length = 0;
    device.up(link);
    expect(resources()).toEqual(asks);
  });

  it('uses only what it may', () => {
    const { device, link, sent } = start(['--extensions', 'cmx']);
    device.up(link);
    expect(sent.map(({ topic }) => topic.extension)).toEqual(['cmx']);
    expect(decodeConfigurationRequest(Buffer.from(sent[0]!.body))).toEqual({ observe: true });
  });
});

describe('a device that was there before', () => {
  const before = -6 * 3_600_000;

  it('tells once what it measured since it was last heard, each sample with its time', () => {
    const { device, link, sentTo } = start([], undefined, { historyFrom: before });
    device.up(link);
    device.down();
    device.up(link);
    const samples = sentTo('dcx/json').flatMap(({ body }) => JSON.parse(body) as { ts: string }[]);
    expect(samples.map(({ ts }) => Date.parse(ts))).toEqual(
      Array.from({ length: 71 }, (_, n) => before + (n + 1) * 300_000),
    );
    expect(samples[0]).toMatchObject({ temperature: expect.any(Number) });
  });

  it('tells nothing of the past when it was heard a moment ago', () => {
    const { device, link, sentTo } = start([], undefined, { historyFrom: -60_000 });
    device.up(link);
    expect(sentTo('dcx/json')).toEqual([]);
  });

  it('runs the firmware that it ran', () => {
    const { device, link, sentTo } = start([], undefined, { version: '1.1.0' });
    device.up(link);
    expect(JSON.parse(sentTo('cmx_ota/applied/json')[0]!.body)).toMatchObject({ configId: '1.1.0' });
  });
});

describe('samples', () => {
  it('go out at the rate asked for, but not while away, and with request ids that differ', () => {
    const { device, link, sentTo, pass, counters } = start([
      '--rate',
      '1',
      '--extensions',
      '',
      '--answer-timeout',
      '60',
    ]);
    device.startSampling();
    pass(10_000);
    expect(sentTo('dcx/json')).toHaveLength(0);
    device.up(link);
    pass(20_000);
    const count = sentTo('dcx/json').length;
    expect(count).toBeGreaterThanOrEqual(18);
    expect(count).toBeLessThanOrEqual(22);
    expect(new Set(sentTo('dcx/json').map(({ topic }) => topic.requestId)).size).toBe(count);
    device.down();
    expect(counters.requests.telemetry).toMatchObject({ sent: count, interrupted: count });
    device.stop();
    pass(10_000);
    expect(sentTo('dcx/json')).toHaveLength(count);
  });

  it('are counted as ok, error, silent or late', () => {
    const { device, link, sentTo, answer, pass, counters } = start(['--rate', '1', '--extensions', '']);
    device.up(link);
    device.startSampling();
    pass(1_000);
    answer('dcx/json', '');
    answer('dcx/json', '');
    expect(counters.requests.telemetry).toMatchObject({ sent: 1, ok: 1 });
    expect(counters.late).toBe(1);
    pass(1_200);
    answer('dcx/json', { statusCode: 503, reasonPhrase: 'later' }, 'error');
    expect(counters.errors.list()).toEqual([['dcx/…/json: 503 later', 1]]);
    device.stop();
    pass(20_000);
    expect(counters.requests.telemetry).toMatchObject({ errors: 1, silent: sentTo('dcx/json').length - 2 });
    expect(device.underWay).toBe(0);
  });

  it('are held back when too many are without answer', () => {
    const { device, link, pass, counters } = start([
      '--rate',
      '100',
      '--extensions',
      '',
      '--answer-timeout',
      '60',
    ]);
    device.up(link);
    device.startSampling();
    pass(2_000);
    expect(device.underWay).toBe(50);
    expect(counters.skipped).toBeGreaterThan(100);
  });
});

describe('a configuration', () => {
  it('is applied once after a while, however often it comes, and named in the next request', () => {
    const { device, link, push, applied, pass, answer, sentTo, counters } = start();
    device.up(link);
    answer('cmx/config/json', { id: 1, configId: 'a', config: {}, statusCode: 200, reasonPhrase: 'ok' });
    push('a');
    expect(applied()).toEqual([]);
    pass(1_500);
    push('a');
    pass(1_500);
    expect(applied()).toEqual([{ configId: 'a', statusCode: 200 }]);
    expect(counters.configurationsApplied).toBe(1);
    device.ask();
    expect(JSON.parse(sentTo('cmx/config/json').at(-1)!.body)).toMatchObject({ configId: 'a' });
  });

  it('gives way to a newer one', () => {
    const { device, link, push, applied, pass, counters } = start();
    device.up(link);
    push('a');
    push('b');
    pass(2_000);
    expect(applied()).toEqual([{ configId: 'b', statusCode: 200 }]);
    expect(counters.configurationsSuperseded).toBe(1);
  });

  it.each([
    ['by chance', ['--config-failure', '1'], { targetTemperature: 21 }],
    ['because it is not possible', [], { targetTemperature: 99 }],
  ])('is refused with a reason, once, %s, and not named as applied', (_why, args, config) => {
    const { device, link, push, applied, pass, sentTo } = start(args);
    device.up(link);
    push('a', config);
    pass(2_000);
    push('a', config);
    pass(2_000);
    expect(applied()).toEqual([{ configId: 'a', statusCode: 422, reasonPhrase: expect.stringMatching(/./) }]);
    device.ask();
    expect(JSON.parse(sentTo('cmx/config/json').at(-1)!.body)).toEqual({ observe: true });
  });

  it('applied while away is told on return', () => {
    const { device, link, push, applied, pass } = start();
    device.up(link);
    push('a');
    device.down();
    pass(2_000);
    expect(applied()).toEqual([]);
    device.up(link);
    expect(applied()).toEqual([{ configId: 'a', statusCode: 200 }]);
  });
});

describe('a command', () => {
  const command = 'kp1/r-v1/cex/…/command/boost/status';

  it('is executed once, with a result', () => {
    const { device, link, say, sentTo, pass, counters } = start();
    device.up(link);
    say(command, [{ id: 7, payload: null }]);
    say(command, [{ id: 7 }, { id: 8 }]);
    pass(2_000);
    say(command, [{ id: 7 }]);
    pass(2_000);
    const results = sentTo('cex/result/boost').map(({ body }) => JSON.parse(body) as { id: number }[]);
    expect(
      results
        .flat()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([7, 8]);
    expect(results[0]).toMatchObject([{ statusCode: 200, payload: { temperature: expect.any(Number) } }]);
    expect(counters).toMatchObject({ commandsExecuted: 2, commandsRepeated: 2 });
  });

  it('fails as often as asked', () => {
    const { device, link, say, sentTo, pass, counters } = start(['--command-failure', '1']);
    device.up(link);
    say(command, [{ id: 1 }]);
    pass(2_000);
    expect(JSON.parse(sentTo('cex/result/boost')[0]!.body)).toMatchObject([{ id: 1, statusCode: 500 }]);
    expect(counters.commandsFailed).toBe(1);
  });

  it('whose result could not be told is executed when it is offered again', () => {
    const { device, link, say, sentTo, pass, counters } = start();
    device.up(link);
    say(command, [{ id: 1 }]);
    device.down();
    pass(2_000);
    device.up(link);
    say(command, [{ id: 1 }]);
    pass(2_000);
    expect(sentTo('cex/result/boost')).toHaveLength(1);
    expect(counters.commandsExecuted).toBe(1);
  });
});

describe('a firmware', () => {
  const offer = { url: 'http://files/1', sha256: 'ab', size: 3, version: '2.0.0' };
  const topic = 'kp1/r-v1/cmx_ota/…/config/json/status';
  const reports = (sent: readonly { body: string }[]): unknown[] =>
    sent.map(({ body }) => JSON.parse(body) as unknown);

  it('is fetched, applied and reported as the version it runs', async () => {
    const { device, link, say, sentTo, pass, counters } = start();
    device.up(link);
    say(topic, { configId: '2.0.0', config: offer });
    say(topic, { configId: '2.0.0', config: offer });
    await settle();
    pass(2_000);
    expect(reports(sentTo('cmx_ota/applied/json'))).toEqual([
      { configId: '1.0.0', statusCode: 200 },
      { configId: '2.0.0', statusCode: 200 },
    ]);
    expect(counters).toMatchObject({ firmwareOffers: 1, firmwareApplied: 1 });
    device.ask();
    expect(JSON.parse(sentTo('cmx_ota/config/json').at(-1)!.body)).toMatchObject({ configId: '2.0.0' });
  });

  it.each([
    ['its download fails', [], offer, () => Promise.reject(new DownloadError('403')), /403/],
    ['it does not start', ['--firmware-failure', '1'], offer, () => Promise.resolve(), /start/],
    ['the offer names no file', [], { version: '2.0.0' }, () => Promise.resolve(), /no url/],
  ])('is refused when %s, and the old one stays', async (_when, args, config, download, reason) => {
    const { device, link, say, sentTo, pass, counters } = start(args, download);
    device.up(link);
    say(topic, { configId: '2.0.0', config });
    await settle();
    pass(2_000);
    expect(reports(sentTo('cmx_ota/applied/json')).at(-1)).toEqual({
      configId: '2.0.0',
      statusCode: 422,
      reasonPhrase: expect.stringMatching(reason),
    });
    expect(counters.firmwareRejected).toBe(1);
    device.ask();
    expect(JSON.parse(sentTo('cmx_ota/config/json').at(-1)!.body)).toMatchObject({ configId: '1.0.0' });
  });
});

describe('a platform that breaks the protocol', () => {
  it.each([
    ['content in the answer to a write', 'kp1/r-v1/epmx/…/update/keys/1/status', '{}'],
    ['a push without a document', 'kp1/r-v1/cmx/…/config/json/status', '{"configId":"","config":null}'],
    ['a push to a resource that has none', 'kp1/r-v1/dcx/…/json/status', ''],
    ['an error of another shape', 'kp1/r-v1/dcx/…/json/error', '{"code":1}'],
  ])('is told so: %s', (_what, topic, payload) => {
    const { device, link, say, counters } = start();
    device.up(link);
    say(topic, payload);
    expect(counters.violations.total).toBe(1);
  });
});
