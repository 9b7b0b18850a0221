import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { resolveDownload, type FileToSend, type ResolveDownload } from '@muster/contracts/firmware/requests';
import {
  registerUpload,
  resolveUpload,
  type RegisterUpload,
  type ResolveUpload,
  type UploadGrant,
  type UploadView,
} from '@muster/contracts/firmware/uploads.requests';
import { openFileStore } from '@muster/files';
import { Handles, NatsStrategy } from '@muster/messaging';
import { createLogger, NestLogger } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { startStandIns, World, type StandIns } from '@muster/uplink/stand-in-services';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { start, type RunningHttpAdapter } from './app.module.js';

const FILE = Buffer.from('0123456789'.repeat(100));
const registered: RegisterUpload[] = [];

const DEVICE_OF_UPLOAD_TOKEN: Readonly<Record<string, string>> = {
  'upload-token': 'd-files',
  'token-of-many': 'd-many-files',
};

/** What the adapter asks of firmware; one firmware. */
@Controller()
class StandInFirmware {
  static fileKey = '';
  static large = { fileKey: '', size: 0, sha256: '' };
  /** How often a download was asked for; none is opened any more when it is revoked. */
  static asked = 0;
  static isRevoked = false;

  @Handles(resolveUpload)
  async grant({ token }: ResolveUpload): Promise<UploadGrant> {
    const deviceId = DEVICE_OF_UPLOAD_TOKEN[token];
    if (deviceId === undefined) throw new AppError('not-allowed', 'The upload token is not valid.');
    return { tenantId: 'default', deviceId, maxBytes: 100_000 };
  }

  @Handles(registerUpload)
  async register(upload: RegisterUpload): Promise<UploadView> {
    if (upload.name === 'unwanted') throw new AppError('device-not-found', 'No such device.');
    registered.push(upload);
    const { deviceId, name, size, sha256 } = upload;
    return { id: `u${registered.length}`, deviceId, name, size, sha256, storedAt: new Date().toISOString() };
  }

  @Handles(resolveDownload)
  async download({ token, firmwareId }: ResolveDownload): Promise<FileToSend> {
    StandInFirmware.asked += 1;
    if (
      StandInFirmware.isRevoked ||
      token !== 'download-token' ||
      !['fw-1', 'fw-large'].includes(firmwareId)
    ) {
      throw new AppError('not-allowed', 'The download token is not valid.');
    }
    const sha256 = createHash('sha256').update(FILE).digest('hex');
    if (firmwareId === 'fw-large')
      return { tenantId: 'default', name: 'large.bin', ...StandInFirmware.large };
    return {
      tenantId: 'default',
      fileKey: StandInFirmware.fileKey,
      size: FILE.length,
      sha256,
      name: 'a.bin',
    };
  }
}

@Module({ controllers: [StandInFirmware] })
class StandInFirmwareModule {}

let nats: NatsServer;
let services: StandIns;
let firmware: { close(): Promise<void> };
let adapter: RunningHttpAdapter;
let files: string;
let base: string;
const world = new World();
world.types.push({
  tenantId: 'default',
  deviceTypeId: 'open',
  appVersions: ['open-v1'],
  settings: { httpTokenOnly: true },
});
world.types.push({
  tenantId: 'default',
  deviceTypeId: 'enrols',
  appVersions: ['enrol-v1'],
  settings: {},
});

const device = (id: string, change: Parameters<World['device']>[1] = {}): void => {
  const secretHashes = [createHash('sha256').update(`secret-of-${id}`).digest('hex')];
  world.device(id, { interface: 'http', credentialKinds: ['secret'], secretHashes, ...change });
};
const post = (
  id: string,
  path: string,
  body: string | Uint8Array = '',
  headers: Record<string, string> = {},
) => {
  const [extension = '', ...rest] = path.split('/');
  return fetch(`${base}/kp1/radiator-v1/${extension}/token-of-${id}/${rest.join('/')}`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer secret-of-${id}`, ...headers },
  });
};
/** What is answered to a message of which the body does not come. */
const unfinished = async (token: string): Promise<string> => {
  const socket = connect(adapter.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.write(`POST /kp1/radiator-v1/dcx/${token}/json HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n`);
  try {
    return await eventually(() => {
      if (answer === '') throw new Error('nothing was answered');
      return answer;
    });
  } finally {
    socket.destroy();
  }
};
const statusFrom = async (localAddress: string, id: string, secret: string): Promise<number> => {
  const sent = request(`${base}/kp1/radiator-v1/dcx/token-of-${id}/json`, {
    method: 'POST',
    localAddress,
    agent: false,
    headers: { authorization: `Bearer ${secret}` },
  });
  sent.end('{"n":1}');
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode ?? 0;
};
const told = async (response: Response): Promise<unknown> => [response.status, await response.json()];
const stored = (id: string) => world.stored.filter(({ deviceId }) => deviceId === id);

beforeAll(async () => {
  nats = await startNats();
  services = await startStandIns(nats.url, world);
  const logger = createLogger({ service: 'stand-in-firmware', level: 'silent' });
  const app = await NestFactory.createMicroservice(StandInFirmwareModule, {
    strategy: new NatsStrategy({ bus: services.bus, service: 'stand-in-firmware', logger }),
    logger: new NestLogger(logger),
    abortOnError: false,
  });
  await app.listen();
  firmware = app;
  files = await mkdtemp(join(tmpdir(), 'muster-http-'));
  adapter = await start({
    MUSTER_NATS_URL: nats.url,
    MUSTER_HTTP_DEVICES_PORT: '0',
    MUSTER_FILES: files,
    MUSTER_LOG_LEVEL: process.env['MUSTER_LOG_LEVEL'] ?? 'silent',
    MUSTER_HTTP_ADAPTER_BODY_TIMEOUT_MS: '400',
    MUSTER_HTTP_ADAPTER_ANSWER_TIMEOUT_MS: '1500',
    MUSTER_HTTP_ADAPTER_DOWNLOAD_STALL_MS: '300',
    MUSTER_HTTP_ADAPTER_UPLOAD_BYTES_PER_HOUR: '1000000',
    MUSTER_HTTP_ADAPTER_DOWNLOAD_CHECK_MS: '100',
    MUSTER_HTTP_ADAPTER_REQUESTS_IN_FLIGHT: '400',
    // Slow enough to be overrun by a machine with other things to do.
    MUSTER_DEVICE_MESSAGES_PER_SECOND: '10',
  });
  base = `http://127.0.0.1:${adapter.port}`;
  await eventually(async () => (await adapter.ops.health.ready()).ready, { deadlineMs: 10_000 });
}, 60_000);

afterAll(async () => {
  await adapter.stop();
  await firmware.close();
  await services.stop();
  await nats.stop();
  await rm(files, { recursive: true, force: true });
});

describe('telemetry', () => {
  it('is stored before it is answered with 200 and no body, with and without an id', async () => {
    device('d1');
    for (const path of ['dcx/json', 'dcx/json/42']) {
      const response = await post('d1', path, '{"temperature":21}');
      expect([response.status, await response.text()]).toEqual([200, '']);
    }
    expect(stored('d1')).toMatchObject([{ appVersion: 'radiator-v1' }, { samples: [{ at: null }] }]);
  });

  it('tells by which token and secret the device was heard', async () => {
    device('d-shown');
    expect((await post('d-shown', 'dcx/json', '{"temperature":21}')).status).toBe(200);
    const secretHash = createHash('sha256').update('secret-of-d-shown').digest('hex');
    const seen = await eventually(() => world.seen.find(({ deviceId }) => deviceId === 'd-shown'));
    expect(seen).toMatchObject({ tokenId: expect.any(String), secretHash });
  });

  it('of many devices travels in few batches', async () => {
    const ids = Array.from({ length: 300 }, (_, n) => `many-${n}`);
    ids.forEach((id) => device(id));
    const before = world.batches.length;
    const responses = await Promise.all(ids.map((id) => post(id, 'dcx/json', '{"n":1}')));
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(300);
    // How many fewer depends on the speed of the machine.
    expect(world.batches.length - before).toBeLessThan(ids.length);
  });

  it('that is wrong is answered as over MQTT', async () => {
    device('d2');
    expect(await told(await post('d2', 'dcx/json', '{"temperature":'))).toEqual([
      400,
      { statusCode: 400, reasonPhrase: expect.stringMatching(/^payload must be JSON/) },
    ]);
  });

  it('gets 503 with Retry-After while its service is away, and is taken when it is back', async () => {
    device('d3');
    world.telemetryFault = () => {
      throw new AppError('unavailable', 'away');
    };
    const first = post('d3', 'dcx/json', '{"n":1}');
    await eventually(
      async () => (await adapter.ops.health.ready()).failing.some(({ name }) => name === 'services'),
      { deadlineMs: 5_000 },
    );
    const second = await post('d3', 'dcx/json', '{"n":2}');
    expect(second.headers.get('retry-after')).toBe('5');
    expect(await told(second)).toMatchObject([503, { statusCode: 503 }]);
    expect(await told(await first)).toMatchObject([504, { statusCode: 504 }]);
    world.telemetryFault = undefined;
    await eventually(async () => (await post('d3', 'dcx/json', '{"n":3}')).status === 200, {
      deadlineMs: 10_000,
    });
  });
});

describe('a write that its service fails on', () => {
  it('is told so at once, and costs nobody else anything, though nothing else came before', async () => {
    device('bad');
    device('good');
    let failures = 0;
    world.telemetryFault = (messages) => {
      if (!messages.some(({ deviceId }) => deviceId === 'bad')) return;
      failures += 1;
      throw new AppError('internal', 'a bug');
    };
    try {
      for (let n = 0; n < 3; n += 1) {
        const before = failures;
        const poison = post('bad', 'dcx/json', `{"n":${n}}`);
        await eventually(() => failures > before, { everyMs: 1 });
        const good = await Promise.all([0, 1, 2].map((m) => post('good', 'dcx/json', `{"n":${n * 3 + m}}`)));
        expect(good.map(({ status }) => status)).toEqual([200, 200, 200]);
        expect(await told(await poison)).toEqual([500, { statusCode: 500, reasonPhrase: 'internal error' }]);
        expect((await adapter.ops.health.ready()).failing).toEqual([]);
      }
    } finally {
      world.telemetryFault = undefined;
    }
  });
});

describe('configuration', () => {
  it('is polled, unchanged for who names its configId, and applied', async () => {
    device('c1');
    world.documents.set('c1', { configId: 'abc', config: { interval: 30 } });
    expect(await told(await post('c1', 'cmx/config/json/7', '{}'))).toEqual([
      200,
      { id: 7, configId: 'abc', statusCode: 200, reasonPhrase: 'ok', config: { interval: 30 } },
    ]);
    const unchanged = await post('c1', 'cmx/config/json', '{"configId":"abc"}');
    expect(unchanged.headers.get('content-type')).toBe('application/json');
    expect(await told(unchanged)).toEqual([200, { statusCode: 304, reasonPhrase: 'Not changed' }]);
    const applied = await post('c1', 'cmx/applied/json', '{"configId":"abc"}');
    expect([applied.status, await applied.text()]).toEqual([200, '']);
    expect(world.applied).toMatchObject([{ deviceId: 'c1', interface: 'http', statusCode: 200 }]);
  });

  it('is 503 while its service is away', async () => {
    device('c2');
    world.configurationFault = new AppError('unavailable', 'away', { retryAfterSeconds: 3 });
    expect(await told(await post('c2', 'cmx/config/json'))).toMatchObject([503, { statusCode: 503 }]);
    world.configurationFault = undefined;
  });
});

describe('access', () => {
  it('is refused with the reason', async () => {
    device('a1');
    device('a2', { tokenStatus: 'suspended' });
    device('a3', { interface: 'mqtt' });
    const wrong = await post('a1', 'dcx/json', '{}', { authorization: 'Bearer guess' });
    expect(wrong.headers.get('www-authenticate')).toBe('Bearer');
    expect(await told(wrong)).toMatchObject([401, {}]);
    expect(await told(await post('a2', 'dcx/json', '{}'))).toMatchObject([
      403,
      { reasonPhrase: 'endpoint token is suspended' },
    ]);
    expect(await told(await post('a1', 'dcx/json', '{}', { 'x-client-cert': 'MIIB' }))).toMatchObject([
      401,
      { reasonPhrase: "certificates are not accepted over HTTP; use the device's secret" },
    ]);
    expect(stored('a1')).toEqual([]);
  });

  it('says the same to every stranger, and as late, so that no token can be told from one that does not exist', async () => {
    device('s1');
    device('s2', { tokenStatus: 'suspended' });
    device('s3', { tokenStatus: 'revoked' });
    device('s4', { interface: 'mqtt' });
    const guess = { authorization: 'Bearer guess' };
    const answers = await Promise.all([
      post('s-nobody', 'dcx/json', '{}', guess),
      post('s1', 'dcx/json', '{}', guess),
      post('s2', 'dcx/json', '{}', guess),
      post('s3', 'dcx/json', '{}', guess),
      post('s4', 'dcx/json', '{}'),
      // An application version that is not its type's: only a device that has shown who it is hears of it.
      fetch(`${base}/kp1/open-v1/dcx/token-of-s1/json`, { method: 'POST', body: '{}', headers: guess }),
      fetch(`${base}/kp1/radiator-v1/dcx/token-of-s1/json`, { method: 'POST', body: '{}' }),
    ]);
    const seen = await Promise.all(
      answers.map(async (answer) => {
        const headers = Object.fromEntries([...answer.headers].filter(([name]) => name !== 'date'));
        return JSON.stringify([answer.status, headers, await answer.text()]);
      }),
    );
    expect(new Set(seen).size).toBe(1);
    expect(seen[0]).toContain('unknown endpoint token, or not the secret of its device');
  });

  it('is judged before the body is read', async () => {
    const answer = await unfinished('nobody-at-all');
    expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  });

  it('is refused to an address that guesses, whatever it shows, while what was right from there goes on', async () => {
    device('g1');
    device('g2');
    const from = '127.0.0.9';
    expect(await statusFrom(from, 'g1', 'secret-of-g1')).toBe(200);
    const guesses: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      const some = Array.from({ length: 20 }, (_, n) => statusFrom(from, 'g1', `guess-${round}-${n}`));
      guesses.push(...(await Promise.all(some)));
    }
    expect(guesses.filter((status) => status === 401).length).toBeLessThan(45);
    expect(guesses.at(-1)).toBe(429);
    expect(await statusFrom(from, 'g2', 'secret-of-g2')).toBe(429);
    expect(await statusFrom(from, 'g1', 'secret-of-g1')).toBe(200);
    expect(await statusFrom('127.0.0.10', 'g2', 'secret-of-g2')).toBe(200);
  });

  it('goes on for devices while a stranger holds more connections than there are places, with bodies that do not end', async () => {
    device('calm');
    const strangers = Array.from({ length: 600 }, (_, n) => {
      const socket = connect({ port: adapter.port, host: '127.0.0.1', localAddress: '127.0.0.11' });
      socket.on('error', () => undefined);
      socket.write(
        `POST /kp1/radiator-v1/dcx/stranger-${n}/json HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{`,
      );
      return socket;
    });
    try {
      await Promise.all(
        strangers.filter(({ connecting }) => connecting).map((socket) => once(socket, 'connect')),
      );
      for (let n = 0; n < 5; n += 1) expect((await post('calm', 'dcx/json', '{"n":1}')).status).toBe(200);
    } finally {
      for (const socket of strangers) socket.destroy();
    }
  });

  it('holds for one device a part of the places only', async () => {
    device('greedy');
    device('modest');
    const sockets = Array.from({ length: 130 }, () => connect(adapter.port, '127.0.0.1'));
    let refused = 0;
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => (refused += chunk.toString().startsWith('HTTP/1.1 429') ? 1 : 0));
      socket.write(
        'POST /kp1/radiator-v1/dcx/token-of-greedy/json HTTP/1.1\r\nHost: a\r\nX-Device-Secret: secret-of-greedy\r\nContent-Length: 9\r\n\r\n{',
      );
    }
    await eventually(() => refused > 0);
    expect((await post('modest', 'dcx/json', '{"n":1}')).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  it('needs no secret where the device type says so', async () => {
    device('open1', { deviceTypeId: 'open', appVersion: 'open-v1', credentialKinds: [], secretHashes: [] });
    const response = await fetch(`${base}/kp1/open-v1/dcx/token-of-open1/json`, {
      method: 'POST',
      body: '{"n":1}',
    });
    expect(response.status).toBe(200);
  });
});

describe('HTTP', () => {
  it.each(['/', '/kp1/radiator-v1', '/kp1/radiator-v1/dcx/token-of-h1/json/', '/kp1/%zz/a/b/c', '/api/v1'])(
    'knows no %s',
    async (path) => {
      const response = await fetch(base + path, { method: 'POST', body: '{}' });
      expect(await told(response)).toEqual([404, { statusCode: 404, reasonPhrase: 'unknown resource' }]);
    },
  );

  it('knows an application version that begins as another path does', async () => {
    device('enrols', { deviceTypeId: 'enrols', appVersion: 'enrol-v1' });
    const response = await fetch(`${base}/kp1/enrol-v1/dcx/token-of-enrols/json`, {
      method: 'POST',
      body: '{"n":1}',
      headers: { authorization: 'Bearer secret-of-enrols' },
    });
    expect(response.status).toBe(200);
  });

  it('knows a path behind the name of a host, as a client sends it that goes through a proxy', async () => {
    const { port } = adapter;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const path = `http://platform.example:${port}/kp1/radiator-v1/dcx/token-of-h1/json`;
      request({ host: '127.0.0.1', port, path, method: 'OPTIONS' }, resolve).on('error', reject).end();
    });
    answer.resume();
    expect([answer.statusCode, answer.headers.allow]).toEqual([204, 'POST, OPTIONS']);
  });

  it('knows no resource of that name for a device that may ask', async () => {
    device('h1');
    expect(await told(await post('h1', 'dcx/jsn', '{}'))).toMatchObject([
      404,
      { reasonPhrase: 'unknown resource' },
    ]);
    expect(await told(await post('h1', 'dcx/json/status', '{}'))).toMatchObject([404, {}]);
  });

  it('answers another method with 405 and what is allowed', async () => {
    const response = await fetch(`${base}/kp1/radiator-v1/dcx/token-of-h1/json`);
    expect(response.headers.get('allow')).toBe('POST, OPTIONS');
    expect(response.status).toBe(405);
  });

  it.each([
    ['/kp1/radiator-v1/dcx/token-of-h1/json', 'POST, OPTIONS', 'HEAD'],
    ['/firmwares/f1', 'GET, HEAD, OPTIONS', 'DELETE'],
    ['/bcx/api/v1/binary-data', 'POST, OPTIONS', 'GET'],
    ['/bcx/api/v1/files/boot.log', 'POST, OPTIONS', 'PUT'],
  ])('says of %s what may be asked: %s', async (path, allowed, wrong) => {
    const options = await fetch(base + path, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([204, allowed]);
    const refused = await fetch(base + path, { method: wrong });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, allowed]);
  });

  it.each(['/kp1/radiator-v1', '/firmwares/', '/bcx/api/v1/nothing', '/elsewhere'])(
    'knows no %s by any method',
    async (path) => {
      for (const method of ['GET', 'OPTIONS', 'DELETE']) {
        expect((await fetch(base + path, { method })).status).toBe(404);
      }
    },
  );

  it('answers 413 to two megabytes, announced or not, and 415 to what is compressed', async () => {
    device('h2');
    const large = new Uint8Array(2_000_000).fill(32);
    const limit = { statusCode: 413, reasonPhrase: 'payload must have at most 262144 bytes' };
    expect(await told(await post('h2', 'dcx/json', large))).toEqual([413, limit]);
    const pieces = new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (let at = 0; at < large.length; at += 100_000)
          controller.enqueue(large.subarray(at, at + 100_000));
        controller.close();
      },
    });
    const streamed = await fetch(`${base}/kp1/radiator-v1/dcx/token-of-h2/json`, {
      method: 'POST',
      body: pieces,
      headers: { 'x-device-secret': 'secret-of-h2' },
      duplex: 'half',
    });
    expect(await told(streamed)).toEqual([413, limit]);
    expect((await post('h2', 'dcx/json', '{}', { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await post('h2', 'dcx/json', '{"n":1}', { 'content-encoding': 'Identity' })).status).toBe(200);
  });

  it('answers 408 to a body that does not come', async () => {
    device('h3');
    const socket = connect(adapter.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.write(
      'POST /kp1/radiator-v1/dcx/token-of-h3/json HTTP/1.1\r\nHost: a\r\nX-Device-Secret: secret-of-h3\r\nContent-Length: 10\r\n\r\n{"n"',
    );
    await eventually(() => answer.startsWith('HTTP/1.1 408') && answer.includes('"statusCode":408'));
    socket.destroy();
  });

  it.each([
    ['is no HTTP', 400, 'cannot be read as HTTP', 'SSH-2.0-x\r\n\r\n'],
    ['has no Host', 400, 'Host is missing', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
    [
      'has two lengths',
      400,
      'cannot be read as HTTP',
      (head: string) => `${head}Content-Length: 7\r\nContent-Length: 8\r\n\r\n`,
    ],
    [
      'has a bad chunk',
      400,
      'cannot be read as HTTP',
      (head: string) => `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
    ],
    [
      'has 40 KB of headers',
      431,
      'the headers must have at most',
      (head: string) => `${head}x: ${'y'.repeat(40_000)}\r\n\r\n`,
    ],
  ])('tells in words what %s, after a good answer too', async (_what, statusCode, reason, sent) => {
    device('h5');
    const head =
      'POST /kp1/radiator-v1/dcx/token-of-h5/json HTTP/1.1\r\nHost: a\r\nX-Device-Secret: secret-of-h5\r\n';
    const socket = connect(adapter.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('error', () => undefined);
    socket.write(`${head}Content-Length: 7\r\n\r\n{"n":1}`);
    await eventually(() => answer.startsWith('HTTP/1.1 200'));
    answer = '';
    socket.write(typeof sent === 'string' ? sent : sent(head));
    await eventually(() => socket.closed, { what: 'it is closed' });
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${statusCode} `));
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toEqual({
      statusCode,
      reasonPhrase: expect.stringContaining(reason),
    });
  });

  it('answers a good request first, and then what comes behind it and is none', async () => {
    device('h6');
    const socket = connect(adapter.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.write(
      'POST /kp1/radiator-v1/dcx/token-of-h6/json HTTP/1.1\r\nHost: a\r\nX-Device-Secret: secret-of-h6\r\n' +
        'Content-Length: 7\r\n\r\n{"n":1} and more than was said',
    );
    await eventually(() => socket.closed, { what: 'it is closed' });
    expect(answer.match(/^HTTP\/1\.1 \d+/gm)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    expect(stored('h6')).toHaveLength(1);
  });

  it('keeps a connection for many requests', async () => {
    device('h4');
    const request = (n: number): string =>
      `POST /kp1/radiator-v1/dcx/token-of-h4/json/${n} HTTP/1.1\r\nHost: a\r\nX-Device-Secret: secret-of-h4\r\n` +
      'Content-Length: 7\r\n\r\n{"n":1}';
    const socket = connect(adapter.port, '127.0.0.1');
    let answers = '';
    socket.on('data', (chunk: Buffer) => (answers += chunk.toString()));
    for (let n = 1; n <= 3; n += 1) {
      socket.write(request(n));
      await eventually(() => answers.split('HTTP/1.1 200').length === n + 1);
    }
    socket.destroy();
  });
});

describe('a device that sends too much', () => {
  it('gets 429 with Retry-After, while a quiet one is served', async () => {
    device('noisy');
    device('quiet');
    const statuses = new Map<number, number>();
    for (let round = 0; round < 8; round += 1) {
      const responses = await Promise.all(
        Array.from({ length: 100 }, () => post('noisy', 'cmx/config/json', '{}').catch(() => undefined)),
      );
      for (const response of responses) {
        const status = response?.status ?? 0;
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === 429) expect(response?.headers.get('retry-after')).toBe('1');
      }
    }
    expect(statuses.get(200)).toBeGreaterThanOrEqual(500);
    expect(statuses.get(429)).toBeGreaterThan(0);
    expect((await post('quiet', 'dcx/json', '{"n":1}')).status).toBe(200);
    expect(await adapter.ops.metrics.text()).toMatch(
      /muster_device_messages_limited_total\{[^}]*limit="device"/,
    );
  });
});

describe('an upload', () => {
  const upload = (path: string, body: string | Uint8Array, token = 'upload-token') =>
    fetch(`${base}/bcx/api/v1/${path}`, { method: 'POST', body, headers: { 'x-auth-token': token } });

  it('is stored and registered, and says where it is', async () => {
    const response = await upload('binary-data?name=a.log', FILE);
    expect([response.status, response.headers.get('location'), await response.text()]).toEqual([
      201,
      '/api/v1/devices/d-files/files/u1',
      '',
    ]);
    expect(registered[0]).toMatchObject({ name: 'a.log', size: FILE.length, tenantId: 'default' });
    StandInFirmware.fileKey = registered[0]?.fileKey ?? '';
  });

  it('is refused for a while when the device has sent more than it may in an hour', async () => {
    const statuses: number[] = [];
    for (let sent = 0; sent < 14 && !statuses.includes(429); sent += 1)
      statuses.push((await upload('binary-data?name=many', new Uint8Array(90_000), 'token-of-many')).status);
    // Twelve are 1,080,000 bytes.
    expect(statuses).toEqual([...Array.from({ length: 12 }, () => 201), 429]);
  });

  it('has the last part of its name, and none where nothing is left', async () => {
    expect((await upload(`binary-data?name=${encodeURIComponent('../../x')}`, 'x')).status).toBe(201);
    expect(registered.at(-1)).toMatchObject({ name: 'x' });
    expect((await upload('files/..%2F..%2Fy', 'y')).status).toBe(204);
    expect(registered.at(-1)).toMatchObject({ name: 'y' });
    for (const name of ['..', 'a/', 'a\nb', 'a\u202eb']) {
      expect((await upload(`binary-data?name=${encodeURIComponent(name)}`, 'x')).status).toBe(400);
    }
  });

  it('lies where nobody else can read it, whatever the umask', async () => {
    const all = await readdir(files, { recursive: true, withFileTypes: true });
    const modes = await Promise.all(
      all.map(async (one) => {
        const { mode } = await stat(join(one.parentPath, one.name));
        return `${one.isFile() ? 'file' : 'folder'} ${(mode & 0o777).toString(8)}`;
      }),
    );
    expect([...new Set(modes)].sort()).toEqual(['file 600', 'folder 700']);
    expect((await stat(files)).mode & 0o777).toBe(0o700);
  });

  it('replaces a file of its name', async () => {
    expect((await upload('files/b%20c.log', 'new')).status).toBe(204);
    expect(registered.at(-1)).toMatchObject({ name: 'b c.log', overwrite: true });
  });

  it('without a valid token, too large, without a name: is refused', async () => {
    expect(await told(await upload('binary-data?name=a', 'x', 'guess'))).toMatchObject([403, {}]);
    const none = await fetch(`${base}/bcx/api/v1/binary-data?name=a`, { method: 'POST', body: 'x' });
    expect(await told(none)).toMatchObject([403, { reasonPhrase: 'X-Auth-Token is missing or malformed' }]);
    expect(await told(await upload('binary-data?name=a', new Uint8Array(200_000)))).toMatchObject([413, {}]);
    expect(await told(await upload('binary-data', 'x'))).toMatchObject([400, {}]);
  });

  it('whose registration is refused leaves no file', async () => {
    const count = async (): Promise<number> =>
      (await readdir(files, { recursive: true, withFileTypes: true })).filter((one) => one.isFile()).length;
    const before = await count();
    expect((await upload('binary-data?name=unwanted', 'x')).status).toBe(404);
    expect(await count()).toBe(before);
  });
});

describe('a download', () => {
  const download = (headers: Record<string, string>, path = 'fw-1') =>
    fetch(`${base}/firmwares/${path}`, { headers });

  it('is whole or a range, with the token in a header or in the URL', async () => {
    const whole = await download({ 'x-auth-token': 'download-token' });
    expect(Buffer.from(await whole.arrayBuffer()).equals(FILE)).toBe(true);
    const part = await download({ range: 'bytes=10-14' }, 'fw-1?token=download-token');
    expect([part.status, await part.text()]).toEqual([206, '01234']);
    const beyond = await download({ 'x-auth-token': 'download-token', range: 'bytes=5000-' });
    expect(beyond.headers.get('content-range')).toBe(`bytes */${FILE.length}`);
    expect(await told(beyond)).toMatchObject([416, { statusCode: 416 }]);
  });

  it('of which nothing is taken is cut off, however much is left', async () => {
    const large = Readable.from(Array.from({ length: 400 }, () => Buffer.alloc(100_000)));
    const store = await openFileStore({
      files,
      filesS3Region: 'none',
      filesS3Endpoint: undefined,
      filesS3AccessKeyId: undefined,
      filesS3SecretAccessKey: undefined,
    });
    const { key, size, sha256 } = await store.put(large, { maxBytes: 50_000_000 });
    StandInFirmware.large = { fileKey: key, size, sha256 };
    const socket = connect(adapter.port, '127.0.0.1');
    socket.on('error', () => undefined); // a reset is how it is cut off
    socket.write('GET /firmwares/fw-large?token=download-token HTTP/1.1\r\nhost: a\r\n\r\n');
    await once(socket, 'readable'); // it began, and is never read
    // Who does not read learns of the end only by writing, and rarely, because that counts as a sign of life. Empty lines
    // before a next request mean nothing.
    await eventually(() => socket.destroyed || (socket.write('\r\n'), false), {
      deadlineMs: 10_000,
      everyMs: 1_000,
    });
    expect(socket.bytesRead).toBeLessThan(size);
  });

  it('that is under way ends when its token is revoked', async () => {
    const response = await download({ 'x-auth-token': 'download-token' }, 'fw-large');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let taken = 0;
    const take = async (): Promise<boolean> => {
      const { value } = await reader.read();
      taken += value?.length ?? 0;
      return value !== undefined;
    };
    const askedAgain = async (): Promise<boolean> => {
      const before = StandInFirmware.asked;
      return eventually(() => StandInFirmware.asked > before, { everyMs: 5 });
    };
    for (let round = 0; round < 3; round += 1) {
      expect(await take()).toBe(true);
      await askedAgain();
    }
    StandInFirmware.isRevoked = true;
    try {
      await askedAgain();
      const rest = async (): Promise<void> => {
        while (await take());
      };
      await expect(rest()).rejects.toThrow();
    } finally {
      StandInFirmware.isRevoked = false;
    }
    expect(taken).toBeLessThan(StandInFirmware.large.size);
  });

  it('is refused without the token of that firmware', async () => {
    expect((await download({})).status).toBe(403);
    expect((await download({ 'x-auth-token': 'guess' })).status).toBe(403);
    expect((await download({ 'x-auth-token': 'download-token' }, 'fw-2')).status).toBe(403);
  });
});

describe('a client that waits to be asked for its body', () => {
  it.each([
    [
      'a message',
      'kp1/radiator-v1/dcx/token-of-expects/json',
      'Authorization: Bearer secret-of-expects',
      ['100', '200'],
    ],
    ['a message', 'kp1/radiator-v1/dcx/token-of-expects/json', 'Authorization: Bearer wrong', ['401']],
    ['a file', 'bcx/api/v1/binary-data?name=expected', 'X-Auth-Token: upload-token', ['100', '201']],
    ['a file', 'bcx/api/v1/binary-data?name=expected', 'X-Auth-Token: wrong', ['403']],
  ])('is judged before %s is asked for that waits to be: /%s, %s', async (_what, path, shown, statuses) => {
    device('expects');
    const socket = connect(adapter.port, '127.0.0.1');
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    const said = () => [...heard.matchAll(/HTTP\/1.1 ([0-9]+)/g)].map(([, status = '']) => status);
    try {
      socket.write(
        `POST /${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nExpect: 100-continue\r\n${shown}\r\n\r\n`,
      );
      await eventually(() => said().length === 1);
      if (said()[0] === '100') socket.write('{"n":1}');
      await eventually(() => said().length === statuses.length);
      expect(said()).toEqual(statuses);
    } finally {
      socket.destroy();
    }
  });
});
