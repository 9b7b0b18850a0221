import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  closeSession,
  openSession,
  useSession,
  type SessionView,
} from '@muster/contracts/identity/sessions.requests';
import { connectBus, type Bus } from '@muster/messaging';
import { createLogger, type RunningApp } from '@muster/observability';
import { startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import pg from 'pg';
import { migrate, start } from '../index.js';

const actor = { kind: 'api-key', id: 'local-admin' } as const;
const IDLE_SECONDS = 600;
const MOST_SECONDS = 3_600;
const MOST = 3;

let database: TestDatabase;
let nats: NatsServer;
let identity: RunningApp;
let bus: Bus;
let pool: pg.Pool;

const env = () => ({
  MUSTER_DATABASE_URL: database.url,
  MUSTER_NATS_URL: nats.url,
  MUSTER_IDENTITY_SESSION_IDLE_SECONDS: String(IDLE_SECONDS),
  MUSTER_IDENTITY_SESSION_SECONDS: String(MOST_SECONDS),
  MUSTER_IDENTITY_SESSIONS: String(MOST),
  MUSTER_LOG_LEVEL: 'silent',
});

beforeAll(async () => {
  [database, nats] = await Promise.all([testDatabase({ name: 'identity', migrate }), startNats()]);
  const logger = createLogger({ service: 'spec', level: 'silent' });
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
  identity = await start(env());
}, 60_000);

afterAll(async () => {
  await identity.stop();
  await pool.end();
  await bus.close();
  await nats.stop();
  await database.drop();
});

const newDigest = (): string => randomBytes(32).toString('hex');
const open = (digest: string, id = newDigest()): Promise<SessionView> =>
  bus.request(openSession, { tenantId: 'default', actor: { ...actor, id }, digest });
const use = (digest: string, quietly?: true): Promise<SessionView> =>
  bus.request(useSession, { digest, ...(quietly && { quietly }) });
const ended = (digest: string): Promise<void> =>
  expect(use(digest)).rejects.toMatchObject({ code: 'session-ended' });
/** As if it had been used, or opened, so long before. */
const age = (digest: string, column: 'used_at' | 'ends_at', seconds: number) =>
  pool.query(
    `UPDATE identity.sessions SET ${column} = ${column} - make_interval(secs => $2) WHERE digest = decode($1, 'hex')`,
    [digest, seconds],
  );
const secondsBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / 1_000;

describe('a session', () => {
  it('is known by its digest alone, after a restart too, and says when it ends', async () => {
    const digest = newDigest();
    const opened = await open(digest, 'somebody');
    expect(opened).toMatchObject({ tenantId: 'default', actor: { kind: 'api-key', id: 'somebody' } });
    expect(secondsBetween(opened.openedAt, opened.idleEndsAt)).toBe(IDLE_SECONDS);
    expect(secondsBetween(opened.openedAt, opened.endsAt)).toBe(MOST_SECONDS);
    await identity.stop();
    identity = await start(env());
    expect(await use(digest)).toEqual(opened);
    await ended(newDigest());
  });

  it('ends when it is not used, and use puts that off, but not a look', async () => {
    const digest = newDigest();
    const opened = await open(digest);
    await age(digest, 'used_at', IDLE_SECONDS - 60);
    const looked = await use(digest, true);
    expect(secondsBetween(looked.idleEndsAt, opened.idleEndsAt)).toBe(IDLE_SECONDS - 60);
    const used = await use(digest);
    expect(Date.parse(used.idleEndsAt)).toBeGreaterThanOrEqual(Date.parse(opened.idleEndsAt));
    await age(digest, 'used_at', IDLE_SECONDS + 1);
    await ended(digest);
  });

  it('ends at its time, however it is used', async () => {
    const digest = newDigest();
    await open(digest);
    await age(digest, 'ends_at', MOST_SECONDS - 60);
    const late = await use(digest);
    expect(late.idleEndsAt).toBe(late.endsAt);
    await age(digest, 'ends_at', 61);
    await ended(digest);
  });

  it('that was closed opens nothing any more; closed again it is nothing new', async () => {
    const digest = newDigest();
    await open(digest);
    await bus.request(closeSession, { digest });
    await ended(digest);
    await bus.request(closeSession, { digest });
  });
});

describe('opening one', () => {
  it('removes those that have ended', async () => {
    const digests = [newDigest(), newDigest()] as const;
    for (const digest of digests) await open(digest);
    await age(digests[0], 'used_at', IDLE_SECONDS);
    await age(digests[1], 'ends_at', MOST_SECONDS);
    await open(newDigest());
    const { rowCount } = await pool.query(
      `SELECT FROM identity.sessions WHERE encode(digest, 'hex') = ANY ($1)`,
      [digests],
    );
    expect(rowCount).toBe(0);
  });

  it(`keeps ${MOST} of one actor: the one that was used longest ago gives way`, async () => {
    const digests = [newDigest(), newDigest(), newDigest(), newDigest()] as const;
    for (const [nth, digest] of digests.slice(0, MOST).entries()) {
      await open(digest, 'many');
      await age(digest, 'used_at', 30 - nth);
    }
    await use(digests[0]);
    await age(digests[0], 'used_at', -20);
    await open(digests[3], 'many');
    await ended(digests[1]);
    for (const digest of [digests[0], digests[2], digests[3]]) await use(digest);
  });
});
