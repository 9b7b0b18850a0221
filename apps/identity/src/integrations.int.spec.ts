import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventStream, isPassing, newId } from '@muster/contracts';
import {
  desiredConfigurationChanged,
  type DesiredConfigurationChanged,
} from '@muster/contracts/configuration/published';
import { integrationCreated } from '@muster/contracts/identity/published';
import {
  createIntegration,
  deleteIntegration,
  editIntegration,
  getIntegration,
  listIntegrations,
  renewIntegrationCredentials,
  type EditIntegration,
  type IntegrationAccess,
} from '@muster/contracts/identity/requests';
import { TELEMETRY_STREAM } from '@muster/contracts/telemetry/published';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { jetstream, jetstreamManager, type JsMsg } from '@nats-io/jetstream';
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';
import pg from 'pg';
import { migrate, start } from './index.js';

const TENANT = 'default';
/** Most of one integration. */
const CONNECTIONS = 8;
/** Signing takes its time where all cores are busy. */
const PATIENT = { timeoutMs: 20_000 };
const actor = { kind: 'user', id: 'tester' } as const;
const logger = createLogger({ service: 'spec', level: 'silent' });

let database: TestDatabase;
let nats: NatsServer;
let identity: RunningApp;
let bus: Bus;
/** As a service of the platform sees NATS. */
let platform: NatsConnection;
let pool: pg.Pool;
let opened: NatsConnection[] = [];

const env = () => ({
  MUSTER_DATABASE_URL: database.url,
  MUSTER_NATS_URL: nats.url,
  MUSTER_NATS_CREDENTIALS_FILE: nats.trust?.servicesFile,
  MUSTER_NATS_INTEGRATIONS_FILE: nats.trust?.integrationsFile,
  MUSTER_NATS_PUBLIC_URL: nats.url,
  MUSTER_PUBLIC_URL: 'https://muster.example',
  MUSTER_IDENTITY_TEND_EVERY_MS: '100',
  MUSTER_IDENTITY_CONNECTIONS: String(CONNECTIONS),
  MUSTER_LOG_LEVEL: 'silent',
});

const servicesCredentials = (): string => readFileSync(nats.trust?.servicesFile ?? '', 'utf8');

beforeAll(async () => {
  [database, nats] = await Promise.all([
    testDatabase({ name: 'identity', migrate }),
    startNats({ accounts: true }),
  ]);
  bus = await connectBus({ url: nats.url, credentials: servicesCredentials(), name: 'spec', logger });
  for (const { name, subjects } of [eventStream('configuration'), TELEMETRY_STREAM]) {
    await bus.ensureStream({ name, subjects, maxAgeMs: 3_600_000, maxBytes: 1_048_576 });
  }
  platform = await connect({
    servers: nats.url,
    authenticator: credsAuthenticator(new TextEncoder().encode(servicesCredentials())),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
  });
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
  identity = await start(env());
}, 60_000);

afterAll(async () => {
  for (const connection of opened) await connection.close();
  await identity.stop();
  await pool.end();
  await platform.close();
  await bus.close();
  await nats.stop();
  await database.drop();
});

beforeEach(async () => {
  for (const connection of opened) await connection.close();
  opened = [];
});

/** Asks again when the database was not there in time, as whoever uses it would; the key makes that one integration. */
const create = async (
  integration: { name: string; services?: string[]; from?: string },
  tenantId = TENANT,
): Promise<IntegrationAccess> => {
  const request = { tenantId, actor, integration, idempotencyKey: newId() };
  for (let tries = 1; ; tries += 1) {
    try {
      return await bus.request(createIntegration, request, PATIENT);
    } catch (error) {
      if (!isPassing(error) || tries === 5) throw error;
    }
  }
};

const connectAs = async (access: IntegrationAccess): Promise<NatsConnection> => {
  const connection = await connect({
    servers: access.natsUrl,
    authenticator: credsAuthenticator(new TextEncoder().encode(access.credentials)),
    timeout: 5_000,
    inboxPrefix: access.inboxPrefix,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    waitOnFirstConnect: false,
    reconnectTimeWait: 50,
  });
  opened.push(connection);
  return connection;
};

const change = async (deviceId: string, version: number, tenantId = TENANT): Promise<void> => {
  const at = new Date().toISOString();
  const data: DesiredConfigurationChanged = {
    deviceId,
    version,
    at,
    configId: 'c',
    source: actor,
    changes: { interval: { to: version } },
  };
  await bus.publish(desiredConfigurationChanged, {
    tenantId,
    entityId: deviceId,
    id: `${tenantId}:${deviceId}:${version}`,
    time: at,
    data,
  });
};

const consumerIn = (access: IntegrationAccess, service = 'configuration') => {
  const found = access.consumers.find((one) => one.service === service);
  if (found === undefined) throw new Error(`no consumer of ${service}`);
  return found;
};

/** What its consumer of configuration has by now, acknowledged. */
const replay = async (access: IntegrationAccess, connection: NatsConnection): Promise<string[]> => {
  const { stream, consumer } = consumerIn(access);
  const reader = await jetstream(connection, { apiPrefix: access.apiPrefix }).consumers.get(stream, consumer);
  const { num_pending: waiting } = await reader.info();
  const got: string[] = [];
  if (waiting === 0) return got;
  for await (const message of await reader.fetch({ max_messages: waiting, expires: 5_000 })) {
    got.push(nameOf(message));
    await message.ackAck();
  }
  return got;
};

const nameOf = (message: JsMsg): string => {
  const { deviceId, version } = message.json<DesiredConfigurationChanged>();
  return `${deviceId}:${version}`;
};

const refusalOf = async (connection: NatsConnection, attempt: () => void): Promise<string> => {
  const refusal = (async () => {
    for await (const status of connection.status()) if (status.type === 'error') return status.error.message;
    return 'closed';
  })();
  attempt();
  await connection.flush();
  return refusal;
};

describe('createIntegration', () => {
  it('gives credentials that replay from now on, and tells others of it', async () => {
    await change('before', 1);
    const access = await create({ name: 'now' });
    expect(access).toMatchObject({
      name: 'now',
      tenant: TENANT,
      natsUrl: nats.url,
      liveSubject: 'muster.v1.event.*.default.>',
    });
    await change('after', 1);
    const connection = await connectAs(access);
    expect(await replay(access, connection)).toEqual(['after:1']);
    expect(await replay(access, connection)).toEqual([]);
    await eventually(
      async () => {
        const message = await (
          await jetstreamManager(platform)
        ).streams.getMessage(eventStream('identity').name, {
          last_by_subj: integrationCreated.subject(TENANT, access.id),
        });
        return message?.header.get('ce-dataschema');
      },
      { what: 'the event is published, with its schema' },
    ).then((schema) =>
      expect(schema).toBe(
        'https://muster.example/api/v1/events/schemas/io.muster.integration.created.v1.json',
      ),
    );
  });

  it('begins where it is asked to', async () => {
    const device = newId();
    await change(device, 1);
    const all = await create({ name: 'all', from: 'beginning' });
    expect(await replay(all, await connectAs(all))).toEqual(
      expect.arrayContaining(['before:1', `${device}:1`]),
    );
    const from = new Date().toISOString();
    await change(device, 2);
    const since = await create({ name: 'since', from });
    expect(await replay(since, await connectAs(since))).toEqual([`${device}:2`]);
  });

  it('makes consumers of the services that are named, and names those there are', async () => {
    const access = await create({ name: 'telemetry-only', services: ['telemetry'] });
    expect(access.consumers).toEqual([
      {
        service: 'telemetry',
        stream: 'TELEMETRY',
        consumer: `integration-${access.id}`,
        filter: 'muster.v1.telemetry.default.>',
      },
    ]);
    await expect(create({ name: 'x', services: ['gateway'] })).rejects.toMatchObject({
      code: 'invalid-request',
      detail: expect.stringContaining('configuration') as unknown,
    });
    await expect(create({ name: 'x', from: '2026-13-41T00:00:00Z' })).rejects.toMatchObject({
      code: 'invalid-request',
    });
    await expect(create({ name: 'telemetry-only' })).rejects.toMatchObject({
      code: 'integration-name-taken',
    });
  });

  it('answers the same for the same idempotency key, without the credentials', async () => {
    const request = { tenantId: TENANT, actor, integration: { name: 'twice' }, idempotencyKey: newId() };
    const { credentials = '', ...shown } = await bus.request(createIntegration, request, PATIENT);
    expect(credentials).toContain('NKEY SEED');
    expect(await bus.request(createIntegration, request, PATIENT)).toEqual(shown);
    const { rows } = await pool.query<{ reply: string }>('SELECT reply::text FROM identity.idempotency');
    expect(rows.map(({ reply }) => reply).join()).not.toMatch(/SEED|SU[A-Z2-7]{50}/);
  });
});

describe('editIntegration', () => {
  const edit = (integrationId: string, body: EditIntegration['edit'], expectedVersion?: number) =>
    bus.request(
      editIntegration,
      { tenantId: TENANT, actor, integrationId, edit: body, expectedVersion },
      PATIENT,
    );

  it('renames it; what it has read stays read, with the same credentials', async () => {
    const access = await create({ name: 'to-be-renamed' });
    const connection = await connectAs(access);
    await change('renamed', 1);
    expect(await replay(access, connection)).toEqual(['renamed:1']);
    await change('renamed', 2);
    const edited = await edit(access.id, { name: 'renamed' }, access.version);
    expect(edited).toMatchObject({ id: access.id, name: 'renamed', version: access.version + 1 });
    expect(await edit(access.id, { name: 'renamed' })).toEqual(edited);
    expect(await replay(access, connection)).toEqual(['renamed:2']);
    await expect(edit(access.id, { name: 'now' })).rejects.toMatchObject({ code: 'integration-name-taken' });
    await expect(edit(access.id, { name: 'again' }, access.version)).rejects.toMatchObject({
      code: 'version-mismatch',
    });
  });

  it('adds a service, whose events it reads from then on, and takes one away at once', async () => {
    const access = await create({ name: 'other-services', services: ['telemetry'] });
    const { consumers } = await jetstreamManager(platform);
    const consumer = `integration-${access.id}`;
    await change('added', 1);
    expect((await edit(access.id, { services: ['configuration'] })).services).toEqual(['configuration']);
    await expect(consumers.info('TELEMETRY', consumer)).rejects.toThrow('consumer not found');
    await change('added', 2);
    const { consumers: read } = await bus.request(getIntegration, {
      tenantId: TENANT,
      integrationId: access.id,
    });
    const connection = await connectAs(access);
    expect(await replay({ ...access, consumers: read }, connection)).toEqual(['added:2']);
    // The tending makes nothing of it again, and reads on where it was.
    await change('added', 3);
    expect((await edit(access.id, { services: null })).services).toContain('telemetry');
    expect(await replay({ ...access, consumers: read }, connection)).toEqual(['added:3']);
  });

  it('refuses what names no service, or removes the name', async () => {
    const { id } = await create({ name: 'wrongly-edited' });
    await expect(edit(id, { services: ['gateway'] })).rejects.toMatchObject({
      code: 'invalid-request',
      errors: [{ path: 'edit.services' }],
    });
    await expect(edit(id, { name: null as unknown as string })).rejects.toMatchObject({
      code: 'invalid-request',
      errors: [{ path: 'edit.name', message: 'must not be null' }],
    });
    await expect(edit(newId(), { name: 'nobody' })).rejects.toMatchObject({ code: 'integration-not-found' });
  });
});

describe('an integration', () => {
  let access: IntegrationAccess;
  let connection: NatsConnection;
  beforeAll(async () => {
    access = await create({ name: 'limited' });
  });
  beforeEach(async () => {
    connection = await connectAs(access);
  });

  it('hears its tenant live, and no other', async () => {
    const heard: string[] = [];
    connection.subscribe(access.liveSubject, {
      callback: (_error, message) => void heard.push(message.subject),
    });
    await connection.flush();
    await change('live', 1, 'other');
    await change('live', 2);
    const ofDevice = () => heard.filter((subject) => subject.endsWith('.live'));
    await eventually(() => ofDevice().length > 0, { what: 'the event is heard' });
    expect(ofDevice()).toEqual([desiredConfigurationChanged.subject(TENANT, 'live')]);
  });

  it.each([
    'muster.v1.event.*.other.>',
    'muster.v1.event.>',
    'muster.v1.bundle.>',
    'muster.v1.bundle.*.default.>',
    'muster.v1.service.>',
    '>',
    '_INBOX.>',
    '$SYS.>',
  ])('may not subscribe to %s', async (subject) => {
    const refusal = await refusalOf(connection, () => connection.subscribe(subject));
    expect(refusal).toContain('Permissions Violation for Subscription');
  });

  it.each([
    desiredConfigurationChanged.subject(TENANT, 'forged'),
    'muster.v1.service.configuration.desired.change',
    'MUSTER.API.CONSUMER.DURABLE.CREATE.EVENTS_CONFIGURATION.own',
    'MUSTER.API.STREAM.DELETE.EVENTS_CONFIGURATION',
    'MUSTER.API.CONSUMER.MSG.NEXT.EVENTS_CONFIGURATION.mqtt-adapter-push-configuration-bundles',
    '$JS.API.STREAM.DELETE.EVENTS_CONFIGURATION',
  ])('may not publish to %s', async (subject) => {
    const refusal = await refusalOf(connection, () => connection.publish(subject, '{}'));
    expect(refusal).toContain('Permissions Violation for Publish');
  });

  it('cannot have a stored event sent into the platform by asking for it with a reply subject of its choice', async () => {
    const seen: string[] = [];
    const subscription = platform.subscribe('muster.v1.>', {
      callback: (_error, message) => void seen.push(message.string()),
    });
    await platform.flush();
    await change('deputy', 1);
    const { stream, consumer } = consumerIn(access);
    const stored = async () => (await (await jetstreamManager(platform)).streams.info(stream)).state.last_seq;
    const before = await stored();
    // Somebody must listen there, or nothing is given out at all.
    const ours: string[] = [];
    connection.subscribe(access.liveSubject, {
      callback: (_error, message) => void ours.push(message.string()),
    });
    for (const tenantId of [TENANT, 'other']) {
      connection.publish(`${access.apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`, '{"batch":100}', {
        reply: desiredConfigurationChanged.subject(tenantId, 'deputy'),
      });
    }
    await eventually(() => ours.some((payload) => payload.includes('deputy')), {
      what: 'the event was given out, in the account of the integration',
    });
    await platform.flush();
    expect(await stored()).toBe(before);
    // As it was published: alone, and in its bundle.
    expect(seen.filter((payload) => payload.includes('deputy'))).toHaveLength(2);
    subscription.unsubscribe();
  });
});

describe('two integrations of one tenant', () => {
  let victim: IntegrationAccess;
  let attacker: IntegrationAccess;
  beforeAll(async () => {
    victim = await create({ name: 'victim', services: ['configuration'] });
    attacker = await create({ name: 'attacker', services: ['configuration'] });
  });

  /** The attacker asks its own consumer for what is stored, to be sent to `reply`; somebody must listen there. */
  const pullTo = (
    connection: NatsConnection,
    { apiPrefix, ...rest }: IntegrationAccess,
    reply: string,
  ): void => {
    const { stream, consumer } = consumerIn({ apiPrefix, ...rest });
    connection.publish(
      `${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      '{"batch":100,"expires":500000000}',
      {
        reply,
      },
    );
  };

  it('cannot send each other stored events, neither as live ones nor into an inbox, nor acknowledge for each other', async () => {
    const [device, hers, his] = [newId(), await connectAs(victim), await connectAs(attacker)];
    const heard: string[] = [];
    for (const subject of [victim.liveSubject, `${victim.inboxPrefix}.>`]) {
      hers.subscribe(subject, {
        callback: (_error, message) => void heard.push(`${message.subject} ${message.string()}`),
      });
    }
    const got: string[] = [];
    his.subscribe(attacker.liveSubject, { callback: (_error, message) => void got.push(message.string()) });
    await Promise.all([hers.flush(), his.flush()]);
    await change(device, 1);
    const ofDevice = (all: readonly string[]): readonly string[] =>
      all.filter((text) => text.includes(device));
    await eventually(() => ofDevice(heard).length === 1 && ofDevice(got).length === 1, {
      what: 'both heard it live',
    });

    const { stream, consumer } = consumerIn(victim);
    const { consumers } = await jetstreamManager(platform);
    // Her message is fetched and not acknowledged, while he has it acknowledged by what is sent to his reply subject.
    const reader = await jetstream(hers, { apiPrefix: victim.apiPrefix }).consumers.get(stream, consumer);
    const fetched = await reader.next({ expires: 2_000 });
    expect(fetched).not.toBeNull();
    const { delivered } = await consumers.info(stream, consumer);
    const before = ofDevice(heard).length;
    pullTo(his, attacker, desiredConfigurationChanged.subject(TENANT, device));
    await eventually(() => ofDevice(got).length > 1, {
      what: 'he was given his own copy where he asked for it',
    });
    const acknowledgement = `$JS.ACK.${stream}.${consumer}.1.${delivered.stream_seq}.${delivered.consumer_seq}.${Date.now()}000000.0`;
    for (const reply of [`${victim.inboxPrefix}.x`, acknowledgement, 'MUSTER.API.CONSUMER.INFO.x.y']) {
      await change(device, got.length + 1);
      pullTo(his, attacker, reply);
      await his.flush();
    }
    // What comes after all of it has come through the same connections.
    const last = newId();
    await change(last, 1);
    await eventually(() => heard.some((text) => text.includes(last)), { what: 'she hears the last event' });
    const lines = ofDevice(heard).slice(before);
    expect(lines.filter((line) => line.startsWith(victim.inboxPrefix))).toEqual([]);
    expect(new Set(lines).size).toBe(lines.length);
    expect((await consumers.info(stream, consumer)).num_ack_pending).toBe(1);
    fetched?.ack();
  });

  it('cannot take the connections of each other', async () => {
    const taken: NatsConnection[] = [];
    const take = async (): Promise<boolean> => {
      try {
        const one = await connect({
          servers: attacker.natsUrl,
          authenticator: credsAuthenticator(new TextEncoder().encode(attacker.credentials)),
          reconnect: false,
        });
        taken.push(one);
        opened.push(one);
        return true;
      } catch {
        return false; // the server closes it, and says why only to who is still reading
      }
    };
    while (taken.length < 200 && (await take()));
    expect(taken).toHaveLength(CONNECTIONS);
    const hers = await connectAs(victim);
    await change('crowded', 1);
    expect(await replay(victim, hers)).toContain('crowded:1');
  });
});

describe('an integration from before each had an account of its own', () => {
  it('goes on in the one of its tenant, and gets its own with new credentials', async () => {
    const tenantId = 'long-here';
    const before = await create({ name: 'old', services: ['configuration'] }, tenantId);
    const { rows } = await pool.query<{ account: string }>(
      'DELETE FROM identity.integration_accounts WHERE tenant_id = $1 RETURNING account',
      [tenantId],
    );
    const shared = rows[0]?.account;
    await pool.query('INSERT INTO identity.tenant_accounts VALUES ($1, $2)', [tenantId, shared]);
    // A newer one of the same tenant is apart from it at once, and its making tells NATS of the shared one.
    await create({ name: 'new', services: ['configuration'] }, tenantId);
    await change('old-and-new', 1, tenantId);
    const old = await connectAs(before);
    expect(await replay(before, old)).toEqual(['old-and-new:1']);
    const renewed = await bus.request(
      renewIntegrationCredentials,
      { tenantId, actor, integrationId: before.id },
      PATIENT,
    );
    await expect(
      connect({
        servers: nats.url,
        authenticator: credsAuthenticator(new TextEncoder().encode(before.credentials)),
      }),
    ).rejects.toThrow(/Authorization/);
    await change('old-and-new', 2, tenantId);
    expect(await replay(renewed, await connectAs(renewed))).toEqual(['old-and-new:2']);
    const { rows: own } = await pool.query<{ account: string }>(
      'SELECT account FROM identity.integration_accounts WHERE integration_id = $1',
      [before.id],
    );
    expect(own[0]?.account).toMatch(/^A/);
    expect(own[0]?.account).not.toBe(shared);
  });
});

describe('renewIntegrationCredentials and deleteIntegration', () => {
  it('cut off whoever is connected with what is revoked, and keep the place', async () => {
    const first = await create({ name: 'renewed' });
    const old = await connectAs(first);
    await change('renew', 1);
    expect(await replay(first, old)).toEqual(['renew:1']);
    let lost = 0;
    void (async () => {
      for await (const status of old.status()) if (status.type === 'disconnect') lost += 1;
    })();
    const second = await bus.request(
      renewIntegrationCredentials,
      {
        tenantId: TENANT,
        actor,
        integrationId: first.id,
      },
      PATIENT,
    );
    await eventually(() => lost > 0, { what: 'the old connection is closed', deadlineMs: 2_000 });
    // It would sign a new try every 50 ms.
    await old.close();
    await expect(
      connect({
        servers: nats.url,
        authenticator: credsAuthenticator(new TextEncoder().encode(first.credentials)),
      }),
    ).rejects.toThrow(/Authorization/);
    await change('renew', 2);
    const renewed = await connectAs(second);
    expect(await replay(second, renewed)).toEqual(['renew:2']);

    await bus.request(deleteIntegration, { tenantId: TENANT, actor, integrationId: first.id }, PATIENT);
    await expect(
      connect({
        servers: nats.url,
        authenticator: credsAuthenticator(new TextEncoder().encode(second.credentials)),
      }),
    ).rejects.toThrow(/Authorization/);
    const { consumers } = await jetstreamManager(platform);
    const { stream, consumer } = consumerIn(second);
    await expect(consumers.info(stream, consumer)).rejects.toThrow(/consumer not found/);
    await expect(
      bus.request(getIntegration, { tenantId: TENANT, integrationId: first.id }),
    ).rejects.toMatchObject({ code: 'integration-not-found' });
    // Once more changes nothing.
    await bus.request(deleteIntegration, { tenantId: TENANT, actor, integrationId: first.id }, PATIENT);
  });
});

describe('getIntegration and listIntegrations', () => {
  it('tell what is waiting', async () => {
    const access = await create({ name: 'waiting', services: ['configuration'] });
    await change('waiting', 1);
    await change('waiting', 2);
    const state = () => bus.request(getIntegration, { tenantId: TENANT, integrationId: access.id });
    expect((await state()).consumers).toEqual([{ ...consumerIn(access), waiting: 2, unacknowledged: 0 }]);
    await replay(access, await connectAs(access));
    expect((await state()).consumers).toEqual([
      {
        ...consumerIn(access),
        waiting: 0,
        unacknowledged: 0,
        lastAcknowledgedAt: expect.any(String) as unknown,
      },
    ]);
    await expect(
      bus.request(getIntegration, { tenantId: 'other', integrationId: access.id }),
    ).rejects.toMatchObject({ code: 'integration-not-found' });
  });

  it('come page by page', async () => {
    const names: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await bus.request(listIntegrations, { tenantId: TENANT, limit: 3, cursor });
      names.push(...page.items.map(({ name }) => name));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(names).toEqual([...names].sort());
    expect(names).toEqual(expect.arrayContaining(['all', 'limited', 'now', 'waiting']));
  });
});

describe('when NATS loses things', () => {
  it('a consumer is made again where it was', async () => {
    const access = await create({ name: 'lost-consumer', services: ['configuration'] });
    const connection = await connectAs(access);
    for (let version = 1; version <= 5; version += 1) await change('lost', version);
    expect(await replay(access, connection)).toHaveLength(5);
    const { stream, consumer } = consumerIn(access);
    const noted = async () => {
      const { rows } = await pool.query<{ next_sequence: string }>(
        'SELECT next_sequence FROM identity.reading_positions WHERE integration_id = $1',
        [access.id],
      );
      return Number(rows[0]?.next_sequence);
    };
    const { consumers } = await jetstreamManager(platform);
    const { ack_floor: floor } = await consumers.info(stream, consumer);
    await eventually(async () => (await noted()) === floor.stream_seq + 1, { what: 'the position is noted' });
    await consumers.delete(stream, consumer);
    await change('lost', 6);
    await eventually(() => consumers.info(stream, consumer).then(() => true), { what: 'it is made again' });
    expect(await replay(access, connection)).toEqual(['lost:6']);
  });

  it('a consumer of which nothing was acknowledged yet is made again where it was to begin', async () => {
    const access = await create({ name: 'lost-early', services: ['configuration'] });
    const { stream, consumer } = consumerIn(access);
    const { consumers } = await jetstreamManager(platform);
    await consumers.delete(stream, consumer);
    await change('early', 1);
    await eventually(() => consumers.info(stream, consumer).then(() => true), { what: 'it is made again' });
    expect(await replay(access, await connectAs(access))).toEqual(['early:1']);
  });

  it('nothing is missed, and each device stays in order, while nats-server is killed and the reader comes and goes', async () => {
    const access = await create({ name: 'faithful', services: ['configuration'] });
    const devices = ['d1', 'd2', 'd3'];
    const wanted = devices.flatMap((device) =>
      Array.from({ length: 40 }, (_none, n) => `${device}:${n + 1}`),
    );
    const got: string[] = [];
    const publishing = (async () => {
      for (let version = 1; version <= 40; version += 1) {
        if (version === 20) {
          await nats.kill9();
          await nats.restart();
        }
        for (const device of devices) await change(device, version);
      }
    })();
    // Not by their number: an event of a moment before may be read as well.
    while (wanted.some((name) => !got.includes(name))) {
      // A reader that stops after a few, again and again; while there is no server it cannot come.
      const connection = await connectAs(access).catch(() => undefined);
      if (connection === undefined) continue;
      got.push(...(await replaySome(access, connection, 17).catch(() => [])));
      await connection.close();
    }
    await publishing;
    for (const device of devices) {
      const versions = got
        .filter((name) => name.startsWith(`${device}:`))
        .map((name) => Number(name.split(':')[1]));
      const firsts = versions.filter((version, index) => versions.indexOf(version) === index);
      expect(firsts).toEqual(Array.from({ length: 40 }, (_none, n) => n + 1));
    }
  }, 60_000);
});

const replaySome = async (
  access: IntegrationAccess,
  connection: NatsConnection,
  many: number,
): Promise<string[]> => {
  const { stream, consumer } = consumerIn(access);
  const reader = await jetstream(connection, { apiPrefix: access.apiPrefix, timeout: 2_000 }).consumers.get(
    stream,
    consumer,
  );
  const got: string[] = [];
  for await (const message of await reader.fetch({ max_messages: many, expires: 1_000 })) {
    got.push(nameOf(message));
    message.ack();
  }
  await connection.flush();
  return got;
};

describe('an installation whose NATS has no accounts', () => {
  it('says so, and goes on', async () => {
    const plain = await startNats();
    const own = await testDatabase({ name: 'identity', migrate });
    const app = await start({
      MUSTER_DATABASE_URL: own.url,
      MUSTER_NATS_URL: plain.url,
      MUSTER_LOG_LEVEL: 'silent',
    });
    const asking = await connectBus({ url: plain.url, name: 'spec', logger });
    try {
      await expect(
        asking.request(createIntegration, { tenantId: TENANT, actor, integration: { name: 'no' } }),
      ).rejects.toMatchObject({ code: 'integrations-not-set-up' });
      expect(await asking.request(listIntegrations, { tenantId: TENANT })).toEqual({
        items: [],
        nextCursor: null,
      });
    } finally {
      await asking.close();
      await app.stop();
      await own.drop();
      await plain.stop();
    }
  });
});
