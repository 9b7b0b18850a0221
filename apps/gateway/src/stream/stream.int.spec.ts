import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { eventStream, newId } from '@muster/contracts';
import { configurationJobChanged } from '@muster/contracts/jobs/published';
import { openFileStore, type FileStore } from '@muster/files';
import {
  connectBus,
  streamExtent,
  subscribeLive,
  tailEvents,
  type Bus,
  type Tailed,
  type TailOptions,
} from '@muster/messaging';
import { GuessLimit } from '@muster/limits';
import { createLogger, createMetrics } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { gatewayApp, start, type RunningGateway } from '../app.module.js';
import { gatewayConfig } from '../config.js';

const KEY = 'a-secret-key-for-tests';
const KEEP_ALIVE_MS = 150;
const logger = createLogger({ service: 'test', level: 'silent' });

let nats: NatsServer;
let bus: Bus;
let folder: string;
let environment: Record<string, string>;
let gateway: RunningGateway;
let readers: Reader[] = [];

beforeAll(async () => {
  nats = await startNats();
  bus = await connectBus({ url: nats.url, name: 'services', logger });
  folder = await mkdtemp(join(tmpdir(), 'muster-stream-'));
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, `${KEY}\n`);
  environment = {
    MUSTER_NATS_URL: nats.url,
    MUSTER_GATEWAY_PORT: '0',
    MUSTER_ADMIN_API_KEY_FILE: keyFile,
    MUSTER_FILES: join(folder, 'files'),
    MUSTER_LOG_LEVEL: 'silent',
    MUSTER_GATEWAY_STREAM_KEEP_ALIVE_MS: String(KEEP_ALIVE_MS),
  };
  const { name, subjects } = eventStream('configuration');
  await bus.ensureStream({ name, subjects, maxAgeMs: 600_000, maxBytes: 200_000_000 });
  gateway = await start(environment);
});

afterEach(() => {
  for (const reader of readers) reader.socket.destroy();
  readers = [];
});

afterAll(async () => {
  await gateway.stop();
  await bus.close();
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

/** An event of a job, whose kind is as long as is asked for. */
const tell = (jobId: string, tenantId = 'default', bytes = 1): Promise<void> =>
  bus.publish(configurationJobChanged, {
    tenantId,
    entityId: jobId,
    id: newId(),
    time: '2026-11-28T12:00:00.000Z',
    data: {
      jobId,
      kind: 'x'.repeat(bytes),
      ...{ status: 'in_progress', total: 1, done: 0, failed: 0, version: 1 },
      actor: { kind: 'user', id: 'anna' },
      createdAt: '2026-11-28T12:00:00.000Z',
      at: '2026-11-28T12:00:00.000Z',
    },
  });

/** Reads a stream from a socket, as slowly as it likes. */
class Reader {
  text = '';
  readonly jobs: string[] = [];
  lastId = '';
  hasEnded = false;

  private constructor(readonly socket: Socket) {
    socket.setEncoding('utf8').on('data', (some) => this.take(String(some)));
    socket.on('end', () => (this.hasEnded = true)).on('error', () => undefined);
  }

  static async open(port: number, lastId?: string): Promise<Reader> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const reader = new Reader(socket);
    readers.push(reader);
    const again = lastId === undefined ? '' : `last-event-id: ${lastId}\r\n`;
    socket.write(
      `GET /api/v1/stream?topics=jobs HTTP/1.1\r\nhost: muster\r\nx-api-key: ${KEY}\r\n${again}\r\n`,
    );
    await eventually(() => reader.lastId !== '', { what: 'it has its place' });
    return reader;
  }

  private take(some: string): void {
    const lines = `${this.text}${some}`.split('\n');
    this.text = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('id: ')) this.lastId = line.slice(4);
      if (line.startsWith('data: '))
        this.jobs.push((JSON.parse(line.slice(6)) as { data: { jobId: string } }).data.jobId);
      if (line === ': here') this.jobs.push(line);
    }
  }
}

const nameOf = (nth: number): string => `job-${String(nth).padStart(6, '0')}`;

describe('a stream', () => {
  it('says that it is alive when nothing comes', async () => {
    const reader = await Reader.open(gateway.port);
    await eventually(() => reader.jobs.length >= 3, { deadlineMs: 5_000, what: 'it has said so' });
    expect(new Set(reader.jobs)).toEqual(new Set([': here']));
  });

  it('holds the events of its own tenant alone', async () => {
    const reader = await Reader.open(gateway.port);
    await tell('theirs', 'other');
    await tell('ours');
    await eventually(() => reader.jobs.includes('ours'), { deadlineMs: 5_000, what: 'ours is there' });
    expect(reader.jobs.filter((job) => job !== ': here')).toEqual(['ours']);
  });

  it('ends within a second when the gateway stops, and its reader goes on at the next one', async () => {
    const stopping = await start(environment);
    const before = await Reader.open(stopping.port);
    await tell('before');
    await eventually(() => before.jobs.includes('before'), { deadlineMs: 5_000, what: 'it is there' });
    const since = performance.now();
    const stopped = stopping.stop();
    await eventually(() => before.hasEnded, { deadlineMs: 5_000, what: 'it has ended' });
    expect(performance.now() - since).toBeLessThan(1_000);
    await tell('meanwhile');
    await stopped;
    const after = await Reader.open(gateway.port, before.lastId);
    await tell('after');
    await eventually(() => after.jobs.includes('after'), { deadlineMs: 5_000, what: 'the last is there' });
    expect(after.jobs.filter((job) => job !== ': here')).toEqual(['meanwhile', 'after']);
  });
});

describe('a reader that does not read', () => {
  const EVENTS = 10_000;
  const BYTES = 4_000;
  let app: INestApplication;
  let store: FileStore;
  let read = 0;

  beforeAll(async () => {
    store = await openFileStore(gatewayConfig(environment));
    const counted = async function* (
      options: Omit<TailOptions, 'logger'>,
    ): AsyncGenerator<Tailed, void, void> {
      for await (const one of tailEvents(bus, { ...options, logger })) {
        read += 1;
        yield one;
      }
    };
    app = await gatewayApp({
      asking: bus,
      following: (options) => subscribeLive(bus, { ...options, logger }),
      tailing: {
        extentOf: (stream) => streamExtent(bus, stream),
        tail: counted,
        maxStreams: 1,
        maxSources: 10,
        keepAliveMs: KEEP_ALIVE_MS,
      },
      files: { store, firmwareMaxBytes: 1, importMaxBytes: 1 },
      adminApiKey: KEY,
      guesses: new GuessLimit({ burst: 1, perMinute: 1 }),
      own: { trustedProxies: new Set() },
      requestsPerMinute: 1_000,
      bodyTimeoutMs: 10_000,
      logger,
      metrics: createMetrics('test'),
    });
    await app.listen(0, '127.0.0.1');
  });

  afterAll(async () => {
    await app.close();
    store.close();
  });

  it('costs no memory: events are read on when it has taken those before, and none is lost', async () => {
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    const reader = await Reader.open(port);
    reader.socket.pause();
    for (let nth = 0; nth < EVENTS; nth += 500)
      await Promise.all(
        Array.from({ length: 500 }, (_none, place) => tell(nameOf(nth + place), 'default', BYTES)),
      );
    let last = -1;
    // The system's own buffers are full, and it stands still.
    await eventually(
      () => {
        const stands = read > 0 && read === last;
        last = read;
        return stands;
      },
      { deadlineMs: 20_000, everyMs: 1_000, what: 'nothing more is read' },
    );
    expect(read).toBeLessThan(EVENTS * 0.7);
    reader.socket.resume();
    const jobs = (): string[] => reader.jobs.filter((job) => job !== ': here');
    await eventually(() => jobs().length >= EVENTS, { deadlineMs: 30_000, what: 'all have come' });
    expect(jobs()).toEqual(Array.from({ length: EVENTS }, (_none, nth) => nameOf(nth)));
  }, 60_000);
});
