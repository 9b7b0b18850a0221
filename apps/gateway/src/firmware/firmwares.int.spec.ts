import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, newId, type Done } from '@muster/contracts';
import {
  createFirmwareType,
  type CreateFirmwareType,
  deleteFirmware,
  editFirmware,
  type EditFirmware,
  type FirmwareRef,
  getFirmware,
  listFirmwares,
  listFirmwareTypes,
  registerFirmware,
  type RegisterFirmware,
  type FileToSend,
  type FirmwarePage,
  type FirmwareTypeList,
  type FirmwareTypeView,
  type FirmwareView,
  type RegisteredFirmware,
} from '@muster/contracts/firmware/requests';
import {
  deleteUpload,
  getUpload,
  listUploads,
  type UploadRef,
  type UploadPage,
} from '@muster/contracts/firmware/uploads.requests';
import { openFileStore, type FileStore } from '@muster/files';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import request from 'supertest';
import { start } from '../index.js';
import { Registry } from '../registry.fixture.js';

const KEY = 'a-secret-key-for-tests';
const MAX_BYTES = 3_000_000;

/** The service that is another app: what it was asked, and what it answers. */
let asked: unknown[] = [];
let refusal: AppError | undefined;
let keptKey: string | undefined;
let upload: FileToSend;

const viewOf = (id: string): FirmwareView => ({
  id,
  firmwareTypeId: 'ft1',
  firmwareType: 'main',
  deviceTypeId: 't1',
  version: '1.0.0',
  name: 'a.bin',
  size: 1,
  sha256: 'aa',
  url: `http://devices/firmwares/${id}`,
  upgradableFrom: [],
  rollout: { strategy: 'suspended' },
  revision: 4,
  createdAt: '2026-11-20T00:00:00.000Z',
});
const type: FirmwareTypeView = {
  id: 'ft1',
  name: 'main',
  versionKey: 'v',
  urlKey: 'u',
  tokenKey: 't',
  deviceTypeId: 't1',
  isDefault: true,
  revision: 1,
  createdAt: '2026-11-20T00:00:00.000Z',
};

@Controller()
class Firmware {
  @Handles(registerFirmware)
  register(body: RegisterFirmware): Promise<RegisteredFirmware> {
    asked.push(body);
    if (refusal !== undefined) return Promise.reject(refusal);
    const fileKey = keptKey ?? body.fileKey;
    const { size, sha256, version } = body;
    return Promise.resolve({ ...viewOf(fileKey), size, sha256, version, fileKey });
  }
  @Handles(getFirmware)
  get({ firmwareId }: FirmwareRef): Promise<FirmwareView> {
    return Promise.resolve(viewOf(firmwareId));
  }
  @Handles(listFirmwares)
  list(body: object): Promise<FirmwarePage> {
    asked.push(body);
    return Promise.resolve({ items: [viewOf('f1')], nextCursor: null });
  }
  @Handles(editFirmware)
  edit(body: EditFirmware): Promise<FirmwareView> {
    asked.push(body);
    return Promise.resolve(viewOf(body.firmwareId));
  }
  @Handles(deleteFirmware)
  delete(body: object): Promise<Done> {
    asked.push(body);
    return Promise.resolve({});
  }
  @Handles(createFirmwareType)
  createType(body: CreateFirmwareType): Promise<FirmwareTypeView> {
    asked.push(body);
    return Promise.resolve(type);
  }
  @Handles(listFirmwareTypes)
  listTypes(body: object): Promise<FirmwareTypeList> {
    asked.push(body);
    return Promise.resolve({ items: [type], nextCursor: null });
  }
  @Handles(listUploads)
  uploads(body: object): Promise<UploadPage> {
    asked.push(body);
    return Promise.resolve({ items: [], nextCursor: null });
  }
  @Handles(getUpload)
  upload({ uploadId }: UploadRef): Promise<FileToSend> {
    if (uploadId !== 'u1') return Promise.reject(new AppError('file-not-found', 'No such file.'));
    return Promise.resolve(upload);
  }
  @Handles(deleteUpload)
  deleteUpload(body: object): Promise<Done> {
    asked.push(body);
    return Promise.resolve({});
  }
}

@Module({ controllers: [Firmware, Registry] })
class SpecModule {}

let nats: NatsServer;
let bus: Bus;
let service: INestMicroservice;
let gateway: Awaited<ReturnType<typeof start>>;
let directory: string;
let files: FileStore;
let base: string;

beforeAll(async () => {
  nats = await startNats();
  directory = await mkdtemp(join(tmpdir(), 'muster-gateway-files-'));
  await writeFile(join(directory, 'key'), KEY);
  const logger = createLogger({ service: 'spec', level: 'fatal' });
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  service = await NestFactory.createMicroservice(SpecModule, {
    strategy: new NatsStrategy({ bus, service: 'firmware', logger }),
    logger: false,
  });
  await service.listen();
  gateway = await start({
    MUSTER_NATS_URL: nats.url,
    MUSTER_GATEWAY_PORT: '0',
    MUSTER_ADMIN_API_KEY_FILE: join(directory, 'key'),
    MUSTER_FILES: join(directory, 'files'),
    MUSTER_FIRMWARE_MAX_BYTES: String(MAX_BYTES),
    MUSTER_LOG_LEVEL: 'fatal',
  });
  base = `http://127.0.0.1:${gateway.port}/api/v1`;
  files = await openFileStore({
    files: join(directory, 'files'),
    filesS3Endpoint: undefined,
    filesS3Region: '',
    filesS3AccessKeyId: undefined,
    filesS3SecretAccessKey: undefined,
  });
});

afterAll(async () => {
  await gateway.stop();
  await service.close();
  await bus.close();
  await nats.stop();
  await rm(directory, { recursive: true });
});

beforeEach(() => {
  asked = [];
  refusal = undefined;
  keptKey = undefined;
});

const api = (method: 'get' | 'post' | 'patch' | 'delete', path: string) =>
  request(base)[method](path).set('x-api-key', KEY);

/** Everything that takes room, uploads under way included. */
const stored = async (): Promise<number> =>
  (await readdir(join(directory, 'files'), { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  ).length;

const image = randomBytes(2_000_000);

describe('POST /firmwares', () => {
  it('stores the file and registers it', async () => {
    const before = await stored();
    const answer = await api('post', '/firmwares')
      .set('idempotency-key', 'once')
      .field('firmwareType', 'main')
      .field('version', '1.0.0')
      .field('upgradableFrom', '0.8.0, 0.9.0')
      .field('upgradableFrom', '0.7.0')
      .attach('file', image, 'a.bin');
    const sha256 = createHash('sha256').update(image).digest('hex');
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ version: '1.0.0', size: image.length, sha256 });
    expect(answer.body).not.toHaveProperty('fileKey');
    const { id } = answer.body as FirmwareView;
    expect(answer.headers).toMatchObject({
      location: `/api/v1/firmwares/${id}`,
      etag: '"4"',
    });
    expect(asked).toEqual([
      {
        tenantId: 'default',
        actor: { kind: 'api-key', id: 'local-admin' },
        idempotencyKey: expect.any(String),
        firmwareType: 'main',
        version: '1.0.0',
        upgradableFrom: ['0.8.0', '0.9.0', '0.7.0'],
        name: 'a.bin',
        fileKey: id,
        size: image.length,
        sha256,
      },
    ]);
    expect(await files.size(id)).toBe(image.length);
    expect(await stored()).toBe(before + 1);
  });

  it.each([
    [
      'a field after the file',
      (form: request.Test) =>
        form
          .field('firmwareType', 'main')
          .field('version', '1')
          .attach('file', image, 'a')
          .field('description', 'x'),
      /comes after the file: send the file last/,
    ],
    [
      'the file before its fields',
      (form: request.Test) =>
        form.attach('file', image, 'a').field('firmwareType', 'main').field('version', '1'),
      /send the file last/,
    ],
    ['no file', (form: request.Test) => form.field('firmwareType', 'main').field('version', '1'), /no file/],
    [
      'a file of another name',
      (form: request.Test) =>
        form.field('firmwareType', 'main').field('version', '1').attach('image', image, 'a'),
      /in the field "file"/,
    ],
    [
      'two files',
      (form: request.Test) =>
        form
          .field('firmwareType', 'main')
          .field('version', '1')
          .attach('file', image, 'a')
          .attach('file', image, 'b'),
      /one file/,
    ],
    [
      'a version that is none',
      (form: request.Test) =>
        form.field('firmwareType', 'main').field('version', 'a b').attach('file', image, 'a'),
      /version must match/,
    ],
    [
      'a field nobody knows',
      (form: request.Test) =>
        form
          .field('firmwareType', 'main')
          .field('version', '1')
          .field('colour', 'red')
          .attach('file', image, 'a'),
      /colour is not a known field/,
    ],
    [
      'a field twice',
      (form: request.Test) =>
        form
          .field('firmwareType', 'main')
          .field('version', '1')
          .field('version', '2')
          .attach('file', image, 'a'),
      /version must be given once/,
    ],
  ])('refuses %s, and keeps nothing', async (_what, fill, detail) => {
    const before = await stored();
    const answer = await fill(api('post', '/firmwares'));
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'invalid-request', detail: expect.stringMatching(detail) });
    expect(asked).toEqual([]);
    expect(await stored()).toBe(before);
  });

  it('refuses a file that is too large, announced or not, and keeps nothing', async () => {
    const before = await stored();
    const large = await api('post', '/firmwares')
      .field('firmwareType', 'main')
      .field('version', '1')
      .attach('file', randomBytes(MAX_BYTES + 1), 'a');
    expect(large).toMatchObject({ status: 413, body: { code: 'payload-too-large' } });
    expect(await stored()).toBe(before);
    const announced = httpRequest(`${base}/firmwares`, {
      method: 'POST',
      headers: { 'x-api-key': KEY, 'content-type': 'multipart/form-data; boundary=x', 'content-length': 1e9 },
    });
    announced.on('error', () => undefined);
    announced.flushHeaders();
    const [response] = (await once(announced, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    announced.destroy();
  });

  it('refuses another content type, and a form without its boundary', async () => {
    expect((await api('post', '/firmwares').send({ version: '1' })).status).toBe(415);
    const answer = await api('post', '/firmwares').set('content-type', 'multipart/form-data').send('x');
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid-request' } });
  });

  it('removes the file when the service refuses it, and passes the reason on', async () => {
    const before = await stored();
    refusal = new AppError('firmware-version-taken', 'The firmware type has the version 1 already.');
    const answer = await api('post', '/firmwares')
      .field('firmwareType', 'main')
      .field('version', '1')
      .attach('file', image, 'a');
    expect(answer).toMatchObject({ status: 409, body: { code: 'firmware-version-taken' } });
    expect(await stored()).toBe(before);
  });

  it('keeps the file when the answer was lost: the firmware may exist', async () => {
    const before = await stored();
    refusal = new AppError('deadline-exceeded', 'No answer.');
    const answer = await api('post', '/firmwares')
      .field('firmwareType', 'main')
      .field('version', '1')
      .attach('file', image, 'a');
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(await stored()).toBe(before + 1);
  });

  it('removes the second file of a request that is repeated', async () => {
    const before = await stored();
    keptKey = newId();
    const answer = await api('post', '/firmwares')
      .field('firmwareType', 'main')
      .field('version', '1')
      .attach('file', image, 'a');
    expect(answer).toMatchObject({ status: 201, body: { id: keptKey } });
    expect(await stored()).toBe(before);
  });

  it('keeps nothing of an upload that breaks off', async () => {
    const before = await stored();
    const broken = httpRequest(`${base}/firmwares`, {
      method: 'POST',
      headers: { 'x-api-key': KEY, 'content-type': 'multipart/form-data; boundary=x' },
    });
    broken.on('error', () => undefined);
    const part = (name: string) => `--x\r\nContent-Disposition: form-data; name="${name}"`;
    broken.write(`${part('firmwareType')}\r\n\r\nmain\r\n${part('version')}\r\n\r\n1\r\n`);
    broken.write(`${part('file')}; filename="a"\r\n\r\n`);
    broken.write(image);
    await eventually(async () => (await stored()) === before + 1, { what: 'it began', deadlineMs: 5_000 });
    broken.destroy();
    await eventually(async () => (await stored()) === before, { what: 'it is gone', deadlineMs: 5_000 });
    expect(asked).toEqual([]);
  });

  it('is for callers with a key', async () => {
    expect((await request(base).post('/firmwares').attach('file', Buffer.from('x'), 'a')).status).toBe(401);
  });
});

describe('the rest of /firmwares', () => {
  it('reads, edits and deletes', async () => {
    expect((await api('get', '/firmwares/f1')).body).toMatchObject({
      id: 'f1',
      url: 'http://devices/firmwares/f1',
    });
    expect((await api('get', '/firmwares?firmwareType=main&limit=2')).body).toMatchObject({
      items: [{ id: 'f1' }],
    });
    const edit = { description: null, rollout: { strategy: 'targeted', filter: { tags: ['lab'] } } };
    expect((await api('patch', '/firmwares/f1').set('if-match', '"4"').send(edit)).status).toBe(200);
    expect((await api('patch', '/firmwares/f1').send({ rollout: { strategy: 'all' } })).status).toBe(400);
    expect((await api('delete', '/firmwares/f1')).status).toBe(204);
    expect(asked).toMatchObject([
      { firmwareType: 'main', limit: 2 },
      { firmwareId: 'f1', expectedVersion: 4, edit },
      { firmwareId: 'f1' },
    ]);
  });

  it('has types per device type', async () => {
    const input = { name: 'main', versionKey: 'v', urlKey: 'u', tokenKey: 't' };
    const created = await api('post', '/device-types/radiator/firmware-types').send(input);
    expect(created).toMatchObject({ status: 201, body: { id: 'ft1', isDefault: true } });
    expect((await api('get', '/device-types/radiator/firmware-types')).body).toEqual({
      items: [type],
      nextCursor: null,
    });
    expect(asked).toMatchObject([
      { deviceType: 'radiator', firmwareType: input },
      { deviceType: 'radiator' },
    ]);
  });
});

describe('/devices/{id}/files', () => {
  beforeAll(async () => {
    const { key, size, sha256 } = await files.put(Readable.from([Buffer.from('0123456789')]), {
      maxBytes: 10,
    });
    upload = { tenantId: 'default', fileKey: key, size, sha256, name: 'log.txt' };
  });

  it('sends a file, whole or in part', async () => {
    const whole = await api('get', '/devices/d1/files/u1').buffer();
    expect(whole.status).toBe(200);
    expect((whole.body as Buffer).toString()).toBe('0123456789');
    expect(whole.headers['content-disposition']).toContain('filename="log.txt"');
    const part = await api('get', '/devices/d1/files/u1').set('range', 'bytes=2-4').buffer();
    expect(part.status).toBe(206);
    expect((part.body as Buffer).toString()).toBe('234');
    const beyond = await api('get', '/devices/d1/files/u1').set('range', 'bytes=10-');
    expect(beyond).toMatchObject({ status: 416, headers: { 'content-range': 'bytes */10' } });
  });

  it('says what is not there', async () => {
    const answer = await api('get', '/devices/d1/files/other');
    expect(answer).toMatchObject({ status: 404, body: { code: 'file-not-found' } });
    upload = { ...upload, fileKey: newId() };
    expect((await api('get', '/devices/d1/files/u1')).body).toMatchObject({ code: 'file-not-found' });
  });

  it('lists and deletes', async () => {
    expect((await api('get', '/devices/d1/files?limit=3')).body).toEqual({ items: [], nextCursor: null });
    expect((await api('delete', '/devices/d1/files/u1')).status).toBe(204);
    expect(asked).toMatchObject([
      { deviceId: 'd1', limit: 3 },
      { deviceId: 'd1', uploadId: 'u1' },
    ]);
  });
});
