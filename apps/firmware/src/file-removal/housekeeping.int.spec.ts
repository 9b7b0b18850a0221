import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@muster/contracts';
import { createEventStore, openDatabase, type Database, type EventStore } from '@muster/event-store';
import { openFileStore, type FileStore } from '@muster/files';
import { createLogger, createMetrics, type Upkeep } from '@muster/observability';
import { eventually, testDatabase, type TestDatabase } from '@muster/testing';
import { migrate, projections } from '../app.module.js';
import { OperatorTokens } from '../download/operator-tokens.projection.js';
import { upload } from '../upload/upload.decider.js';
import { UploadTokens } from '../upload/upload-tokens.js';
import { Uploads } from '../upload/uploads.projection.js';
import { startHousekeeping } from './housekeeping.js';

const tenantId = 'default';
const logger = createLogger({ service: 'spec', level: 'fatal' });
let server: TestDatabase;
let database: Database;
let store: EventStore;
let directory: string;
let files: FileStore;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-housekeeping-'));
  server = await testDatabase({
    name: 'firmware',
    migrate,
  });
  database = openDatabase({ url: server.url, schema: 'firmware', poolSize: 4, name: 'spec' });
  store = createEventStore(database, { projections });
  files = await openFileStore({
    files: directory,
    filesS3Endpoint: undefined,
    filesS3Region: '',
    filesS3AccessKeyId: undefined,
    filesS3SecretAccessKey: undefined,
  });
});

afterAll(async () => {
  files.close();
  await database.close();
  await server.drop();
  await rm(directory, { recursive: true });
});

const uploadTokens = (count: number, expires: string) =>
  database.query(
    `INSERT INTO upload_tokens (token_hash, tenant_id, device_id, endpoint_token_id, expires_at)
     SELECT sha256(gen_random_uuid()::text::bytea), 'default', 'd' || n, 't', now() ${expires}
     FROM generate_series(1, $1) n`,
    [count],
  );
const operatorTokens = (count: number, expires: string) =>
  database.query(
    `WITH made AS (
       INSERT INTO operator_tokens (tenant_id, id, firmware_id, created_by, created_at, expires_at)
       SELECT 'default', gen_random_uuid()::text, 'f', '{}', now(), now() ${expires} FROM generate_series(1, $1)
       RETURNING id)
     INSERT INTO operator_token_hashes (token_hash, tenant_id, token_id)
     SELECT sha256(gen_random_uuid()::text::bytea), 'default', id FROM made`,
    [count],
  );
const oldUploads = async (count: number) => {
  const keys = await Promise.all(
    Array.from({ length: count }, async () => {
      const { key } = await files.put(Readable.from([Buffer.from('x')]), { maxBytes: 10 });
      return key;
    }),
  );
  for (let start = 0; start < count; start += 500) {
    await store.executeMany(
      upload,
      keys.slice(start, start + 500).map((fileKey) => ({
        tenantId,
        id: fileKey,
        command: {
          type: 'StoreUpload',
          deviceId: newId(),
          fileKey,
          ...{ name: 'a.log', size: 1, sha256: 'ab' },
          at: new Date(Date.now() - 31 * 86_400_000).toISOString(),
        },
        metadata: { actor: { kind: 'system', id: 'spec' } },
      })),
    );
  }
};
const left = async () => {
  const counted = await Promise.all(
    ['upload_tokens', 'operator_tokens', 'operator_token_hashes', 'uploads', 'file_removals'].map(
      async (table) => {
        const { rows } = await database.query<{ n: number }>(`SELECT count(*)::integer AS n FROM ${table}`);
        return [table, rows[0]?.n] as const;
      },
    ),
  );
  return Object.fromEntries(counted);
};
const begin = (): Upkeep =>
  startHousekeeping({
    database,
    store,
    files,
    uploads: new Uploads(database),
    tokens: new UploadTokens(database, 60),
    operatorTokens: new OperatorTokens(database),
    keepDays: 30,
    // Whatever is not done in one go is not done within this spec.
    everyMs: 3_600_000,
    logger,
    metrics: createMetrics('spec'),
  });

describe('the housekeeping', () => {
  const isGone = (expected: Record<string, number>) =>
    eventually(
      async () => {
        const now = await left();
        return Object.entries(expected).every(([table, count]) => now[table] === count);
      },
      { deadlineMs: 30_000, what: `left: ${JSON.stringify(expected)}` },
    );

  // Each kind alone: rounds that go on for one of them would take the others along.
  it('goes on, bounded round after bounded round, until no expired token for uploads is left', async () => {
    await Promise.all([uploadTokens(25_000, `- interval '1 hour'`), uploadTokens(7, `+ interval '1 hour'`)]);
    const housekeeping = begin();
    await isGone({ upload_tokens: 7 });
    await housekeeping.stop();
  }, 60_000);

  it('does so with those of operators, and their hashes', async () => {
    await Promise.all([
      operatorTokens(25_000, `- interval '1 hour'`),
      operatorTokens(5, `+ interval '1 hour'`),
    ]);
    const housekeeping = begin();
    await isGone({ operator_tokens: 5, operator_token_hashes: 5 });
    await housekeeping.stop();
  }, 60_000);

  it('does so with old uploads, and their files', async () => {
    await oldUploads(1_100);
    const housekeeping = begin();
    await isGone({ uploads: 0, file_removals: 0 });
    await housekeeping.stop();
    const stored = await readdir(directory, { recursive: true, withFileTypes: true });
    expect(stored.filter((one) => one.isFile())).toEqual([]);
  }, 60_000);

  it('takes no more at a time than it is told', async () => {
    await Promise.all([uploadTokens(50, `- interval '1 hour'`), operatorTokens(50, `- interval '1 hour'`)]);
    const [uploading, downloading] = [new UploadTokens(database, 60), new OperatorTokens(database)];
    expect([await uploading.forgetExpired(20), await downloading.forgetExpired(20)]).toEqual([20, 20]);
    expect([await uploading.forgetExpired(100), await downloading.forgetExpired(100)]).toEqual([30, 30]);
  });

  it('passes over what another replica has in hand', async () => {
    await Promise.all([uploadTokens(50, `- interval '1 hour'`), operatorTokens(50, `- interval '1 hour'`)]);
    await database.query(
      `INSERT INTO file_removals SELECT gen_random_uuid()::text FROM generate_series(1, 120)`,
    );
    const other = await database.dedicated();
    await other.query('BEGIN');
    for (const due of [
      'upload_tokens WHERE expires_at < now()',
      'operator_tokens WHERE expires_at < now()',
      'file_removals',
    ]) {
      const { rows } = await other.query(`SELECT FROM ${due} LIMIT 3 FOR UPDATE`);
      expect(rows).toHaveLength(3);
    }
    const housekeeping = begin();
    try {
      await isGone({ upload_tokens: 7 + 3, operator_tokens: 5 + 3, file_removals: 3 });
    } finally {
      await other.query('ROLLBACK');
      await other.end();
    }
    await housekeeping.stop();
  });
});
