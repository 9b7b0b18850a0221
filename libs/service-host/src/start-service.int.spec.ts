import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import {
  createEventStore,
  eventStoreMigrations,
  migrateSchema,
  openDatabase,
  type MigrationClass,
} from '@muster/event-store';
import {
  eventually,
  freePort,
  startNats,
  testDatabase,
  type NatsServer,
  type TestDatabase,
} from '@muster/testing';
import pg from 'pg';
import { startService, type ServiceOptions } from './start-service.js';

/** It takes 0.1 to 0.4 s; a machine with other work may need more, and what is waited for by mistake takes ten. */
const AT_ONCE_MS = 4_000;

const SCHEMA = 'late';

type Migration = InstanceType<MigrationClass>;
type Runner = Parameters<Migration['up']>[0];

class Own1763600000002 implements Migration {
  readonly name = 'Own1763600000002';
  async up(runner: Runner): Promise<void> {
    await runner.query('CREATE TABLE own (n integer)');
  }
  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}

/** Comes with an update, and sorts before what is there. */
class OfLibrary1763600000001 implements Migration {
  readonly name = 'OfLibrary1763600000001';
  async up(runner: Runner): Promise<void> {
    await runner.query('CREATE TABLE of_library (n integer)');
  }
  down(): Promise<void> {
    return Promise.reject(new Error('Migrations go forward only.'));
  }
}

@Module({})
class Nothing {}

let nats: NatsServer;
let server: TestDatabase;

beforeAll(async () => {
  nats = await startNats();
  server = await testDatabase();
});

afterAll(async () => {
  await nats.stop();
  await server.drop();
});

const PACE = { eventRetrySeconds: 30, eventHoldSeconds: 10 };
const service = (
  databaseUrl: string,
  natsUrl: string,
  opsPort?: number,
): Omit<ServiceOptions, 'migrations' | 'serve'> => ({
  name: 'late',
  schema: SCHEMA,
  stream: { name: 'EVENTS_LATE', subjects: ['muster.v1.event.late.>', 'muster.v1.bundle.late.>'] },
  config: {
    databaseUrl,
    natsUrl,
    logLevel: 'silent',
    ...(opsPort === undefined ? {} : { opsPort }),
    opsHost: '127.0.0.1',
    stopSeconds: 20,
    poolSize: 2,
    streamMaxAgeHours: 1,
    streamMaxBytes: 1_000_000,
    ...PACE,
  },
});

it('is alive and not ready while it waits, says for what, and stops at once', async () => {
  const opsPort = await freePort();
  const page = async (path: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`http://127.0.0.1:${opsPort}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  const ready = (): Promise<{ status: number; text: string }> => page('/health/ready');
  const bus = await startNats();
  try {
    await bus.kill9();
    const starting = startService({
      ...service(server.url, bus.url, opsPort),
      migrations: [Own1763600000002],
      serve: () => ({ module: { module: Nothing } }),
    });
    await eventually(async () => (await ready()).text.includes('"name":"database","reason":'), {
      what: 'the page to name the database',
    });
    expect((await page('/health/live')).status).toBe(200);
    expect(await ready()).toMatchObject({ status: 503 });
    await migrateSchema({ url: server.url, schema: SCHEMA, migrations: [Own1763600000002] });
    await eventually(async () => (await ready()).text.includes('"name":"nats"'), {
      what: 'the page to name NATS',
      deadlineMs: 20_000,
    });
    await bus.restart();
    const app = await starting;
    expect(await ready()).toEqual({ status: 200, text: '{"ready":true,"failing":[]}' });
    expect((await page('/metrics')).text.match(/^process_cpu_seconds_total/gm)).toHaveLength(1);
    const began = Date.now();
    await app.stop();
    expect(Date.now() - began).toBeLessThan(AT_ONCE_MS);
  } finally {
    await bus.stop();
  }
});

it('serves when all of its migrations have run, whichever was the last', async () => {
  const before = [Own1763600000002];
  const after = [OfLibrary1763600000001, Own1763600000002];
  await migrateSchema({ url: server.url, schema: SCHEMA, migrations: before });
  const starting = startService({
    ...service(server.url, nats.url),
    migrations: after,
    serve: async ({ database }) => {
      await database.query('SELECT 1 FROM of_library');
      return { module: { module: Nothing } };
    },
  });
  starting.catch(() => undefined); // awaited below
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await eventually(
    async () => {
      const asked = await admin.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'late' AND query LIKE '%FROM migrations%'`,
      );
      return asked.rowCount === 1;
    },
    { what: 'the service to look for its migrations' },
  );
  await admin.end();
  await migrateSchema({ url: server.url, schema: SCHEMA, migrations: after });
  const app = await starting;
  expect(app.name).toBe('late');
  await app.stop();
});

it('forgets old replies while events come without a pause', async () => {
  await migrateSchema({ url: server.url, schema: 'busy', migrations: eventStoreMigrations });
  const database = openDatabase({ url: server.url, schema: 'busy', poolSize: 2, name: 'spec' });
  await database.query(
    `INSERT INTO idempotency (tenant_id, key, body_hash, reply, created_at)
     SELECT 'default', n, '', '{}', now() - interval '25 hours' FROM generate_series(1, 25000) n`,
  );
  const store = createEventStore(database);
  const enough = new AbortController();
  const events = (async () => {
    for (let version = 1; !enough.signal.aborted; version += 1) {
      await database.transaction((tx) =>
        store.announce(tx, [
          {
            tenantId: 'default',
            about: 'visit',
            id: 'one',
            version,
            event: { type: 'Visited', data: {} },
            metadata: { actor: { kind: 'system', id: 'spec' } },
          },
        ]),
      );
    }
  })();
  const app = await startService({
    name: 'busy',
    schema: 'busy',
    migrations: eventStoreMigrations,
    stream: { name: 'EVENTS_BUSY', subjects: ['muster.v1.event.busy.>', 'muster.v1.bundle.busy.>'] },
    config: {
      databaseUrl: server.url,
      natsUrl: nats.url,
      logLevel: 'silent',
      opsHost: '127.0.0.1',
      stopSeconds: 20,
      poolSize: 2,
      streamMaxAgeHours: 1,
      streamMaxBytes: 1_000_000,
      ...PACE,
    },
    serve: () => ({ module: { module: Nothing }, relay: { translate: () => [], aggregates: [] } }),
  });
  try {
    await eventually(async () => (await database.query('SELECT FROM idempotency LIMIT 1')).rowCount === 0, {
      what: 'all to be forgotten',
      deadlineMs: 30_000,
    });
  } finally {
    enough.abort();
    await events;
    await app.stop();
    await database.close();
  }
}, 60_000);
