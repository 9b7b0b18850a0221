import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Module, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, eventStream, newId } from '@muster/contracts';
import { commandExecuted, commandExpired, type CommandAnswered } from '@muster/contracts/commands/published';
import {
  cancelCommand,
  type CancelCommand,
  type CommandRef,
  createCommand,
  type CreateCommand,
  getCommand,
  listCommands,
  type ListCommands,
  type CommandPage,
  type CommandView,
} from '@muster/contracts/commands/requests';
import { connectBus, Handles, NatsStrategy, type Bus } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { startNats, type NatsServer } from '@muster/testing';
import request from 'supertest';
import { start } from '../index.js';
import { Registry } from '../registry.fixture.js';

const KEY = 'a-secret-key-for-tests';
const pending: Readonly<CommandView> = {
  id: 'reboot:1',
  deviceId: 'd1',
  type: 'reboot',
  number: 1,
  status: 'pending',
  createdAt: '2026-11-20T00:00:00.000Z',
  createdBy: { kind: 'api-key', id: 'local-admin' },
  expiresAt: '2026-11-20T00:01:00.000Z',
};
const executed: Readonly<CommandView> = {
  ...pending,
  status: 'executed',
  statusCode: 200,
  reasonPhrase: 'OK',
  result: { took: 3 },
  finishedAt: '2026-11-20T00:00:01.000Z',
};

/** The command as it is, what was asked, and what else happens when it is created. */
let current: CommandView;
let asked: unknown[] = [];
let onCreate: () => Promise<unknown>;
let failGet: AppError | undefined;

@Controller()
class Commands {
  @Handles(createCommand)
  async create(body: CreateCommand): Promise<CommandView> {
    asked.push(body);
    if (body.deviceId === 'unknown') throw new AppError('device-not-found', 'No such device.');
    await onCreate();
    return pending;
  }

  @Handles(getCommand)
  get(body: CommandRef): Promise<CommandView> {
    asked.push(body);
    return failGet === undefined ? Promise.resolve(current) : Promise.reject(failGet);
  }

  @Handles(listCommands)
  list(body: ListCommands): Promise<CommandPage> {
    asked.push(body);
    return Promise.resolve({ items: [current], nextCursor: 'next' });
  }

  @Handles(cancelCommand)
  cancel(body: CancelCommand): Promise<CommandView> {
    asked.push(body);
    return body.commandId === 'reboot:1'
      ? Promise.resolve({ ...pending, status: 'cancelled' })
      : Promise.reject(new AppError('command-finished', 'The command was executed.'));
  }
}

@Module({ controllers: [Commands, Registry] })
class CommandsModule {}

let nats: NatsServer;
let bus: Bus;
let service: INestMicroservice;
let gateway: Awaited<ReturnType<typeof start>>;
let folder: string;

beforeAll(async () => {
  nats = await startNats();
  folder = await mkdtemp(join(tmpdir(), 'muster-gateway-'));
  await writeFile(join(folder, 'key'), `${KEY}\n`);
  const logger = createLogger({ service: 'test', level: 'silent' });
  bus = await connectBus({ url: nats.url, name: 'commands', logger });
  const { name, subjects } = eventStream('commands');
  await bus.ensureStream({ name, subjects, maxAgeMs: 60_000, maxBytes: 1_000_000 });
  service = await NestFactory.createMicroservice(CommandsModule, {
    strategy: new NatsStrategy({ bus, service: 'commands', logger }),
    logger: false,
  });
  await service.listen();
  gateway = await startGateway();
});

beforeEach(() => {
  current = pending;
  asked = [];
  onCreate = () => Promise.resolve();
  failGet = undefined;
});

afterAll(async () => {
  await gateway.stop();
  await service.close();
  await bus.close();
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

const startGateway = () =>
  start({
    MUSTER_NATS_URL: nats.url,
    MUSTER_GATEWAY_PORT: '0',
    MUSTER_ADMIN_API_KEY_FILE: join(folder, 'key'),
    MUSTER_LOG_LEVEL: 'silent',
  });
const api = (method: 'get' | 'post' | 'delete', path: string, port = gateway.port) =>
  request(`http://127.0.0.1:${port}`)[method](`/api/v1/devices${path}`).set('x-api-key', KEY);
const end = (contract: typeof commandExecuted | typeof commandExpired, view: CommandView) => {
  current = view;
  const { id: commandId, deviceId, type: commandType, number, statusCode = 0 } = view;
  const fact = { deviceId, commandId, commandType, number, version: 2, at: view.expiresAt };
  const data: CommandAnswered = { ...fact, statusCode, source: { kind: 'device', id: deviceId } };
  return bus.publish(contract as typeof commandExecuted, {
    tenantId: 'default',
    entityId: deviceId,
    id: newId(),
    time: view.expiresAt,
    data,
  });
};

describe('POST /devices/{id}/commands', () => {
  it('answers 201 at once when it is not to wait', async () => {
    const response = await api('post', '/d1/commands')
      .set('idempotency-key', 'k1')
      .send({ type: 'reboot', payload: null, ttlSeconds: 5 })
      .expect(201, pending);
    expect(response.headers['location']).toBe('/api/v1/devices/d1/commands/reboot:1');
    expect(asked).toEqual([
      {
        tenantId: 'default',
        actor: { kind: 'api-key', id: 'local-admin' },
        idempotencyKey: expect.stringMatching(/^[0-9a-f]{64}$/),
        deviceId: 'd1',
        type: 'reboot',
        payload: null,
        ttlSeconds: 5,
      },
    ]);
    for (const waitSeconds of [0, null]) {
      await api('post', '/d1/commands').send({ type: 'reboot', waitSeconds }).expect(201);
    }
  });

  it('answers 200 with the result, also when the device was faster than our own answer', async () => {
    onCreate = () => end(commandExecuted, executed);
    const response = await api('post', '/d1/commands').send({ type: 'reboot', waitSeconds: 60 }).expect(200);
    expect(response.body).toEqual(executed);
    expect(response.headers['location']).toBe('/api/v1/devices/d1/commands/reboot:1');
  });

  it('waits for its own command, not for another of the same device', async () => {
    onCreate = async () => {
      await end(commandExecuted, { ...executed, id: 'reboot:9', number: 9 });
      current = pending;
      // Not before the answer is out and the gateway has met the other: it has answered what was asked after both.
      setImmediate(() => {
        void api('get', '/d1/commands')
          .expect(200)
          .then(() => end(commandExecuted, executed));
      });
    };
    await api('post', '/d1/commands').send({ type: 'reboot', waitSeconds: 60 }).expect(200, executed);
  });

  it('answers 202 when the device has not answered in time', async () => {
    await api('post', '/d1/commands').send({ type: 'reboot', waitSeconds: 1 }).expect(202, pending);
  });

  it('looks once more when the time is up, as a live event may be lost', async () => {
    onCreate = () => Promise.resolve((current = executed));
    await api('post', '/d1/commands').send({ type: 'reboot', waitSeconds: 1 }).expect(200, executed);
  });

  it('answers 202 at once when the command ends without an answer', async () => {
    const expired: CommandView = { ...pending, status: 'expired', finishedAt: pending.expiresAt };
    onCreate = () => end(commandExpired, expired);
    await api('post', '/d1/commands').send({ type: 'reboot', waitSeconds: 60 }).expect(202, expired);
  });

  it('answers what exists when nobody can say at last what became of it', async () => {
    failGet = new AppError('unavailable', 'The database is away.');
    await api('post', '/d1/commands').send({ type: 'reboot', waitSeconds: 1 }).expect(202, pending);
  });

  it('does not wait for the end of what a repeated key created and ended before', async () => {
    current = executed;
    await api('post', '/d1/commands')
      .set('idempotency-key', 'k2')
      .send({ type: 'reboot', waitSeconds: 60 })
      .expect(200, executed);
  });

  it('does not wait when there is no such device', async () => {
    for (const id of ['unknown', 'no%20id']) {
      const response = await api('post', `/${id}/commands`).send({ type: 'reboot', waitSeconds: 60 });
      expect(response.body).toMatchObject({ status: 404, code: 'device-not-found' });
    }
  });

  it('answers 202 when the process stops', async () => {
    const other = await startGateway();
    const created = new Promise<void>((resolve) => {
      onCreate = () => {
        resolve();
        return Promise.resolve();
      };
    });
    const waiting = api('post', '/d1/commands', other.port)
      .send({ type: 'reboot', waitSeconds: 60 })
      .expect(202)
      .then(() => undefined);
    await created;
    await Promise.all([waiting, other.stop()]);
  });

  it.each([
    [{}, 'type'],
    [{ type: '12' }, 'type'],
    [{ type: 'reboot', waitSeconds: 61 }, 'waitSeconds'],
    [{ type: 'reboot', waitSeconds: -1 }, 'waitSeconds'],
    [{ type: 'reboot', ttlSeconds: 0 }, 'ttlSeconds'],
    [{ type: 'reboot', ttl: 1 }, 'ttl'],
  ])('refuses %j', async (body, path) => {
    const response = await api('post', '/d1/commands').send(body).expect(400);
    expect(response.body).toMatchObject({ code: 'invalid-request', errors: [{ path }] });
    expect(asked).toEqual([]);
  });
});

describe('GET /devices/{id}/commands', () => {
  it('passes the filter and the page on', async () => {
    await api('get', '/d1/commands?status=pending&type=reboot&limit=5&cursor=c').expect(200, {
      items: [pending],
      nextCursor: 'next',
    });
    const page = { status: 'pending', type: 'reboot', limit: 5, cursor: 'c' };
    expect(asked).toEqual([{ tenantId: 'default', deviceId: 'd1', ...page }]);
  });

  it('refuses a status there is not', async () => {
    await api('get', '/d1/commands?status=done').expect(400);
  });
});

describe('GET and DELETE /devices/{id}/commands/{commandId}', () => {
  it('finds one by its id', async () => {
    await api('get', '/d1/commands/reboot:1').expect(200, pending);
    expect(asked).toEqual([{ tenantId: 'default', deviceId: 'd1', commandId: 'reboot:1' }]);
  });

  it('cancels, with nothing to say', async () => {
    const response = await api('delete', '/d1/commands/reboot:1').expect(204);
    expect(response.text).toBe('');
    expect(asked).toEqual([
      {
        tenantId: 'default',
        actor: { kind: 'api-key', id: 'local-admin' },
        deviceId: 'd1',
        commandId: 'reboot:1',
      },
    ]);
  });

  it('refuses to cancel what is finished', async () => {
    const response = await api('delete', '/d1/commands/reboot:2').expect(409);
    expect(response.body).toMatchObject({ code: 'command-finished' });
  });
});
