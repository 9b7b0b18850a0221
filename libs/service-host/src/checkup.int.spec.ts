import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Module } from '@nestjs/common';
import { eventStoreMigrations, migrateSchema } from '@muster/event-store';
import type { RunningApp } from '@muster/observability';
import {
  eventually,
  freePort,
  startNats,
  testDatabase,
  type NatsServer,
  type TestDatabase,
} from '@muster/testing';
import pg from 'pg';
import { checkupOf, type CheckedService, type Checkup } from './checkup.js';
import { serverFindings } from './server-findings.js';
import { startService } from './start-service.js';

const SCHEMA = 'patient';
const STREAM = {
  name: 'EVENTS_PATIENT',
  subjects: ['muster.v1.event.patient.>', 'muster.v1.bundle.patient.>'],
};
const HOURS = 24;

@Module({})
class Nothing {}

let nats: NatsServer;
let server: TestDatabase;
let admin: pg.Client;
let service: RunningApp | undefined;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

beforeEach(async () => {
  server = await testDatabase();
  admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
});
afterEach(async () => {
  await service?.stop();
  service = undefined;
  await admin.end();
  await server.drop();
});

const patient: CheckedService = {
  name: 'patient',
  schema: SCHEMA,
  migrations: eventStoreMigrations,
  stream: STREAM.name,
  hasEvents: true,
  streamMaxAgeHours: () => HOURS,
};

const look = (natsUrl = nats.url, checked = patient): Promise<Checkup> =>
  checkupOf(checked)({ MUSTER_DATABASE_URL: server.url, MUSTER_NATS_URL: natsUrl });

const faultsOf = ({ findings }: Checkup): string[] =>
  findings.filter(({ isFault }) => isFault).map(({ what, advice }) => `${what} ${advice}`);

const migrate = (): Promise<string[]> =>
  migrateSchema({ url: server.url, schema: SCHEMA, migrations: eventStoreMigrations });

const start = async (): Promise<void> => {
  service = await startService({
    name: 'patient',
    schema: SCHEMA,
    migrations: eventStoreMigrations,
    stream: STREAM,
    config: {
      databaseUrl: server.url,
      natsUrl: nats.url,
      logLevel: 'silent',
      opsPort: 0,
      opsHost: '127.0.0.1',
      stopSeconds: 20,
      poolSize: 2,
      streamMaxAgeHours: HOURS,
      streamMaxBytes: 1_048_576,
      eventRetrySeconds: 30,
      eventHoldSeconds: 10,
    },
    serve: () => ({ module: { module: Nothing }, relay: { translate: () => [], aggregates: [] } }),
  });
};

const append = async (stream: string, ago = '0 s'): Promise<void> => {
  await admin.query(
    `INSERT INTO ${SCHEMA}.events (tenant_id, stream, version, aggregate, type, schema_version, data, metadata, recorded_at)
     VALUES ('default', $1, 1, 'patient', 'Seen', 1, '{}', '{}', now() - $2::interval)`,
    [stream, ago],
  );
  await admin.query(
    `INSERT INTO ${SCHEMA}.streams (tenant_id, stream, version, state_version, state) VALUES ('default', $1, 1, 1, '{}')`,
    [stream],
  );
};

/** The events that are there were told. */
const told = async (): Promise<void> => {
  await eventually(async () => (await look()).seen.includes('0 to be told'), { what: 'all is told' });
};

it('finds nothing where all is well, and says what it looked at', async () => {
  await migrate();
  await append('patient-1', '3 days');
  await start();
  await told();
  expect(await look()).toEqual({
    seen: ['1 events of 1 streams', '0 to be told', '0 messages in EVENTS_PATIENT'],
    findings: [],
  });
});

it('says that the migrations did not run, and looks no further', async () => {
  const { seen, findings } = await look();
  expect(seen).toEqual([]);
  expect(findings).toEqual([
    {
      isFault: true,
      what: 'There is no schema patient in this database.',
      advice: expect.stringContaining('npm run migrate'),
    },
  ]);
});

it('names a migration that did not run', async () => {
  await migrate();
  await admin.query(`DELETE FROM ${SCHEMA}.migrations WHERE name LIKE 'Acts1%'`);
  expect(faultsOf(await look())).toEqual([expect.stringMatching(/^Did not run: 1 migration, Acts1\d+\./)]);
});

it('warns where the database is of a newer version', async () => {
  await migrate();
  await admin.query(
    `INSERT INTO ${SCHEMA}.migrations (timestamp, name) VALUES (1999999999999, 'Later1999999999999')`,
  );
  const { findings } = await look();
  expect(findings).toContainEqual({
    isFault: false,
    what: 'The database is of a newer version: Later1999999999999.',
    advice: expect.any(String),
  });
});

it('finds a state that is not that of the last event, one without events, and events without one', async () => {
  await migrate();
  await start();
  for (const stream of ['patient-1', 'patient-2', 'patient-3', 'patient-4']) await append(stream);
  await admin.query(`UPDATE ${SCHEMA}.streams SET version = 2 WHERE stream = 'patient-1'`);
  await admin.query(`DELETE FROM ${SCHEMA}.streams WHERE stream = 'patient-2'`);
  await admin.query(`DELETE FROM ${SCHEMA}.events WHERE stream = 'patient-3'`);
  expect(faultsOf(await look())).toContainEqual(
    'The current state of 3 streams is not that of its last event, as of patient-1. `npm run rebuild -- patient.current` makes them again.',
  );
});

it('finds events that wait, and that nobody tells them', async () => {
  await migrate();
  await append('patient-1', '5 min');
  const faults = faultsOf(await look());
  expect(faults).toContainEqual(expect.stringContaining('No process of patient tells its events'));
  expect(faults).toContainEqual(
    expect.stringMatching(/^Not told yet: 1 event of patient, the oldest for 3\d\d s\./),
  );
});

it('warns of a stream that is empty though events were told, and finds one that is not there', async () => {
  await migrate();
  await append('patient-1');
  await start();
  await told();
  const { findings } = await look();
  expect(findings).toEqual([
    {
      isFault: false,
      what: 'EVENTS_PATIENT is empty; within the 24 hours that it keeps were told: 1 event.',
      advice: expect.stringContaining('npm run rebuild -- patient.published'),
    },
  ]);
  expect(faultsOf(await look(nats.url, { ...patient, stream: 'EVENTS_LOST' }))).toEqual([
    expect.stringMatching(/^NATS has no stream EVENTS_LOST\./),
  ]);
});

it('says that NATS is away', async () => {
  await migrate();
  const port = await freePort();
  expect(faultsOf(await look(`nats://127.0.0.1:${port}`))).toContainEqual(
    expect.stringContaining('NATS does not let us in, or does not answer.'),
  );
}, 30_000);

it('finds a transaction that stays open, and a server that may lose what it acknowledged', async () => {
  await migrate();
  const other = new pg.Client({ connectionString: server.url, application_name: 'somebody' });
  await other.connect();
  await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await other.query('SELECT 1');
  const faults = faultsOf(
    await look(nats.url, { ...patient, more: (database) => serverFindings(database, 0) }),
  );
  await other.end();
  expect(faults).toContainEqual(expect.stringContaining('A transaction of somebody'));
  // Of the database server that specs run on.
  expect(faults).toContainEqual(expect.stringContaining('PostgreSQL runs with fsync off'));
});
