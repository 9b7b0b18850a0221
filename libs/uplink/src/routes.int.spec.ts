import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError, type BulkOutcome, type ItemOutcome } from '@muster/contracts';
import {
  fetchCommands,
  reportResults,
  type CommandResult,
  type FetchCommands,
  type OutstandingCommands,
  type ReportResults,
} from '@muster/contracts/commands/requests';
import {
  getReportedState,
  reportState,
  type DocumentView,
  type ReportedState,
  type ReportState,
} from '@muster/contracts/configuration/documents.requests';
import type { DeviceTypeSettings } from '@muster/contracts/device-registry/device-types.requests';
import {
  listMetadataKeys,
  readMetadata,
  writeMetadata,
  type MetadataKeyList,
  type MetadataValues,
  type ReadMetadata,
  type WriteMetadata,
} from '@muster/contracts/device-registry/metadata.requests';
import {
  fetchSoftware,
  reportSoftwareApplied,
  type FetchSoftware,
  type ReportSoftwareApplied,
} from '@muster/contracts/firmware/software.requests';
import {
  issueUploadToken,
  type IssueUploadToken,
  type UploadToken,
} from '@muster/contracts/firmware/uploads.requests';
import { parseTopic } from '@muster/kp1';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger, createMetrics, NestLogger } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { openUplink, type Uplink } from './open-uplink.js';
import { startStandIns, World, type StandIns } from './stand-in-services.js';

/** What the services behind are asked, and what they answer for as long as a test wants something else than success. */
let asked: unknown[] = [];
let fault: AppError | undefined;
let outcomeOf: (item: object) => ItemOutcome = () => ({});

const told = <T>(request: unknown, answer: T): Promise<T> => {
  asked.push(request);
  return fault === undefined ? Promise.resolve(answer) : Promise.reject(fault);
};

@Controller()
class Services {
  @Handles(listMetadataKeys)
  keys(request: object): Promise<MetadataKeyList> {
    return told(request, { keys: ['name'] });
  }

  @Handles(readMetadata)
  read(request: ReadMetadata): Promise<MetadataValues> {
    return told(request, { values: { name: 'a' } });
  }

  @Handles(writeMetadata)
  write(request: WriteMetadata): Promise<BulkOutcome> {
    return told(request, { outcomes: request.writes.map(outcomeOf) });
  }

  @Handles(fetchCommands)
  commands(request: FetchCommands): Promise<OutstandingCommands> {
    return told(request, { items: [{ type: 'reboot', id: 1 }], truncated: false });
  }

  @Handles(reportResults)
  results(request: ReportResults): Promise<BulkOutcome> {
    return told(request, { outcomes: request.results.map(outcomeOf) });
  }

  @Handles(reportState)
  state(request: ReportState): Promise<BulkOutcome> {
    return told(request, { outcomes: request.reports.map(outcomeOf) });
  }

  @Handles(getReportedState)
  reported(request: object): Promise<ReportedState> {
    return told(request, { reported: { led: true } });
  }

  @Handles(fetchSoftware)
  software(request: FetchSoftware): Promise<DocumentView> {
    return told(request, { unchanged: false, configId: '0.0.2', config: { version: '0.0.2' } });
  }

  @Handles(reportSoftwareApplied)
  applied(request: ReportSoftwareApplied): Promise<BulkOutcome> {
    return told(request, { outcomes: request.reports.map(outcomeOf) });
  }

  @Handles(issueUploadToken)
  token(request: IssueUploadToken): Promise<UploadToken> {
    return told(request, { token: 'secret', expiresAt: '2026-01-01T00:00:00.000Z' });
  }
}

@Module({ controllers: [Services] })
class ServicesModule {}

/** Of the door and of the services alike. */
const lines: Record<string, unknown>[] = [];
const logger = createLogger({
  service: 'test',
  level: 'debug',
  destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
});
const world = new World();
let nats: NatsServer;
let bus: Bus;
let standIns: StandIns;
let services: { close(): Promise<unknown> };
let uplink: Uplink;

const ask = async (
  path: string,
  payload = '',
  arrivedAt = uplink.arrival(),
  settings: DeviceTypeSettings = {},
) => {
  const topic = parseTopic(`kp1/radiator-v1/${path.replace('/', '/token-of-d1/')}`);
  if (topic === undefined) throw new Error(`not a topic: ${path}`);
  const admission = await uplink.admit(topic, payload.length);
  if (admission.kind !== 'admitted') return admission;
  const marks = { redelivered: false, duplicate: false };
  const waiter = { isWanted: () => true, whenAway: 'wait' } as const;
  const device = { ...admission.device, settings };
  return uplink.answer({ device, topic, payload: Buffer.from(payload), arrivedAt, ...marks, ...waiter });
};

beforeAll(async () => {
  nats = await startNats();
  world.device('d1');
  standIns = await startStandIns(nats.url, world);
  bus = await connectBus({ url: nats.url, name: 'test', logger });
  const app = await NestFactory.createMicroservice(ServicesModule, {
    strategy: new NatsStrategy({ bus, service: 'services', logger }),
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  await app.listen();
  services = app;
  const plenty = { perSecond: 10_000, burst: 10_000 };
  uplink = openUplink({
    door: 'mqtt',
    bus,
    logger,
    metrics: createMetrics('test'),
    lanes: 2,
    batchWaitMs: 1,
    setAsideAfterSeconds: 60,
    setLateAsideAfterSeconds: 120,
    lastSeenSeconds: 60,
    maxPayloadBytes: 100_000,
    rateLimits: { device: plenty, tenant: plenty },
  });
  await uplink.follower.loaded;
}, 30_000);

beforeEach(() => {
  asked = [];
  fault = undefined;
  outcomeOf = () => ({});
});

afterAll(async () => {
  uplink.giveUp();
  await uplink.stop();
  await services.close();
  await standIns.stop();
  await bus.close();
  await nats.stop();
});

const who = { tenantId: 'default', deviceId: 'd1' };

describe('each resource asks its service', () => {
  it.each([
    ['epmx/get/keys/1', 'garbage', { ...who }, '["name"]'],
    ['epmx/get', '{"keys":["name"]}', { ...who, keys: ['name'] }, '{"name":"a"}'],
    ['epmx/update', '{"a":null}', { writes: [{ ...who, mode: 'full', values: { a: null } }] }, ''],
    ['epmx/update/keys', '{"a":1}', { writes: [{ ...who, mode: 'partial', values: { a: 1 } }] }, ''],
    ['epmx/delete/keys/1', '["a"]', { writes: [{ ...who, mode: 'delete', keys: ['a'] }] }, ''],
    ['cex/command', '', { ...who, interface: 'mqtt' }, '[{"type":"reboot","id":1}]'],
    [
      'cex/command/reboot',
      '{"observe":false}',
      { ...who, interface: 'mqtt', type: 'reboot', observe: false },
      '[{"id":1}]',
    ],
    [
      'cex/result/reboot/1',
      '{"id":1,"statusCode":200,"payload":null}',
      { results: [{ ...who, type: 'reboot', id: 1, statusCode: 200, payload: null }] },
      '',
    ],
    ['cmx/state/json', '{"a":null}', { reports: [{ ...who, interface: 'mqtt', reported: { a: null } }] }, ''],
    ['cmx/state/json/get/1', '', { ...who }, '{"led":true}'],
    [
      'cmx_ota/config/json/7',
      '{"configId":"0.0.1"}',
      { ...who, interface: 'mqtt', configId: '0.0.1' },
      '{"id":7,"configId":"0.0.2","statusCode":200,"reasonPhrase":"ok","config":{"version":"0.0.2"}}',
    ],
    [
      'cmx_ota/applied/json/modem/7',
      '{"configId":"0.0.2"}',
      { reports: [{ ...who, interface: 'mqtt', name: 'modem', configId: '0.0.2', statusCode: 200 }] },
      '',
    ],
    ['bcx/token', '', { ...who, tokenId: 'id-of-d1' }, '{"token":"secret"}'],
  ])('%s %s', async (path, payload, request, body) => {
    expect(await ask(path, payload)).toMatchObject({ kind: 'done', body });
    expect(asked).toEqual([request]);
  });

  it('and nobody when there is nothing to say', async () => {
    expect(await ask('cex/result/reboot/1', '[]')).toMatchObject({ kind: 'done', body: '' });
    expect(asked).toEqual([]);
  });
});

describe('what is refused', () => {
  it.each([
    ['epmx/get', '', new AppError('device-not-found', 'No such device.'), 404],
    ['cmx_ota/config/json/x', '', new AppError('firmware-type-not-found', 'No such type.'), 404],
    ['bcx/token', '', new AppError('token-suspended', 'suspended'), 403],
    ['cex/command', '', new AppError('unavailable', 'away'), 503],
  ])('%s %s by its service is told', async (path, payload, error, statusCode) => {
    fault = error;
    expect(await ask(path, payload)).toMatchObject({
      kind: 'refused',
      statusCode,
      reasonPhrase: error.detail,
    });
  });

  it('of results is told after the others were taken, unknown ids by name', async () => {
    outcomeOf = (item) => ((item as CommandResult).id > 1 ? { code: 'command-not-found' } : {});
    const results = Array.from({ length: 30 }, (_, id) => ({ id, statusCode: 200 }));
    const outcome = await ask('cex/result/reboot', JSON.stringify(results));
    expect(outcome).toMatchObject({
      kind: 'refused',
      statusCode: 404,
      reasonPhrase: expect.stringMatching(/^no such command: 2, 3, .*, 21 and 8 more$/),
    });
    outcomeOf = () => ({ code: 'invalid-payload', detail: 'statusCode must be from 100 to 599.' });
    expect(await ask('cex/result/reboot', '{"id":1,"statusCode":7}')).toMatchObject({
      statusCode: 400,
      reasonPhrase: 'statusCode must be from 100 to 599.',
    });
  });

  it('of metadata is told', async () => {
    outcomeOf = () => ({ code: 'metadata-key-restricted', detail: 'a is read-only' });
    expect(await ask('epmx/update', '{"a":1}')).toMatchObject({
      kind: 'refused',
      statusCode: 403,
      reasonPhrase: 'a is read-only',
    });
  });

  it('of the own state is told', async () => {
    outcomeOf = () => ({ code: 'configuration-too-large', detail: 'too large' });
    expect(await ask('cmx/state/json', '{"a":1}')).toMatchObject({ kind: 'refused', statusCode: 413 });
  });
});

describe('a message', () => {
  it('is followed by its trace from the door to the service, in the log at debug level', async () => {
    lines.length = 0;
    await ask('cex/result/reboot/1', '{"id":77,"statusCode":200,"payload":{"secret":"s3cret"}}');
    await eventually(() => lines.length >= 2);
    const [service, door] = lines;
    expect(service).toMatchObject({
      msg: 'a request was done',
      subject: reportResults.subject,
      results: [{ tenantId: 'default', deviceId: 'd1', id: 77 }],
    });
    expect(door).toMatchObject({ msg: 'commands: a message was stored', deviceId: 'd1', id: 77 });
    expect(door?.['traceId']).toMatch(/^[0-9a-f]{32}$/);
    expect(door?.['traceId']).toBe(service?.['traceId']);
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });
});

describe('metadata that is written while device-registry is away', () => {
  it('waits, and keeps the order of the device', async () => {
    fault = new AppError('unavailable', 'away');
    const writes = [1, 2, 3].map((n) => ask('epmx/update/keys', `{"n":${n}}`));
    await eventually(() => asked.length > 0);
    await eventually(() => uplink.isServiceAway());
    asked = [];
    fault = undefined;
    const outcomes = await Promise.all(writes);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['done', 'done', 'done']);
    const written = asked.flatMap((one) => (one as WriteMetadata).writes);
    expect(written.map(({ values }) => values?.['n'])).toEqual([1, 2, 3]);
  });
});

describe('telemetry', () => {
  it('without a time of its own arrived when the door had it, however long it waited since', async () => {
    const arrivedAt = uplink.arrival() - 5_000_000;
    expect(await ask('dcx/json/1', '{"t":1}', arrivedAt)).toMatchObject({ kind: 'done' });
    expect(world.stored.at(-1)).toMatchObject({
      receivedAt: arrivedAt,
      samples: [{ at: null, data: { t: 1 } }],
    });
  });

  const asked = (payload: string, settings?: DeviceTypeSettings) =>
    ask('dcx/json/1', payload, undefined, settings);
  const samples = () => world.stored.at(-1)?.samples;
  const BATCH = '[{"ts":0,"t":1},{"ts":1795868948000,"t":2},{"ts":1,"t":3}]';
  const GOOD = { at: 1_795_868_948_000_000, data: { t: 2 } };

  it.each([
    ['{"ts":1795868948,"t":1}', {}, 'ts'],
    ['{"ts":0,"t":1}', {}, 'ts'],
    ['{"ts":0,"t":1}', { timestampUnit: 'seconds' }, 'ts'],
    ['{"ts":4102444800000,"t":1}', {}, 'ts'],
    [BATCH, {}, '[0].ts'],
    ['[{"t":1},{"meta":{"time":1},"t":1}]', { timestampPath: 'meta.time' }, '[1].meta.time'],
  ] as const)('%s is refused whole, naming the field with the time: %j', async (payload, settings, field) => {
    const before = world.stored.length;
    expect(await asked(payload, settings)).toMatchObject({
      kind: 'refused',
      statusCode: 400,
      reasonPhrase: expect.stringMatching(
        new RegExp(`^${field.replaceAll(/[[\].]/g, '\\$&')} must be a time from 2000-01-01T.* a day ahead$`),
      ),
    });
    expect(world.stored).toHaveLength(before);
  });

  it('has times in seconds where the type says so', async () => {
    expect(await asked('{"ts":1795868948,"t":2}', { timestampUnit: 'seconds' })).toMatchObject({
      kind: 'done',
    });
    expect(samples()).toEqual([GOOD]);
  });

  it('of a clock that is not set is left out alone, or has the time of its arrival, where the type says so', async () => {
    expect(await asked(BATCH, { unsetClock: 'skip' })).toMatchObject({
      kind: 'refused',
      statusCode: 400,
      reasonPhrase: expect.stringMatching(
        /^\[0\]\.ts must be .* \(and 1 more\)\. The rest of the message is stored\.$/,
      ),
    });
    expect(samples()).toEqual([GOOD]);
    expect(await asked('{"ts":0,"t":1}', { unsetClock: 'skip' })).toMatchObject({
      reasonPhrase: expect.stringMatching(/^ts must be .*\. Nothing is stored\.$/),
    });
    expect(await asked(BATCH, { unsetClock: 'arrival' })).toMatchObject({ kind: 'done' });
    expect(samples()).toEqual([{ at: null, data: { t: 1 } }, GOOD, { at: null, data: { t: 3 } }]);
  });
});

describe('telemetry and configuration', () => {
  it('are the stand-ins’ business, here only with a name and plain', async () => {
    expect(await ask('cmx/config/json/default/1', '{}')).toMatchObject({ kind: 'done' });
    expect(await ask('cmx/config/json/eco/1', '{}')).toMatchObject({ kind: 'refused', statusCode: 404 });
    expect(await ask('cmx/applied/json/eco', '{"configId":"a"}')).toMatchObject({ statusCode: 404 });
    expect(await ask('dcx/plain/temperature', '200')).toMatchObject({ kind: 'refused', statusCode: 403 });
    expect(await ask('dcx/plain/5/1', '200')).toMatchObject({ statusCode: 403 });
  });
});
