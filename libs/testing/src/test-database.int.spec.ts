import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import pg from 'pg';
import { testDatabase } from './test-database.js';

const query = async (url: string, sql: string): Promise<unknown[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
};

it('migrates once for all databases of a name, even when they are made at the same time', async () => {
  let migrations = 0;
  const migrate = async (url: string) => {
    migrations += 1;
    await query(url, 'CREATE TABLE things (id int)');
  };
  const name = randomUUID();
  const databases = await Promise.all([1, 2, 3].map(() => testDatabase({ name, migrate })));
  for (const database of databases) {
    expect(await query(database.url, 'SELECT count(*)::int AS n FROM things')).toEqual([{ n: 0 }]);
    await database.drop();
  }
  expect(migrations).toBe(1);
});

it('fails a test that leaves a connection open, and drops the database all the same', async () => {
  const database = await testDatabase();
  const leaked = new pg.Client({ connectionString: database.url, application_name: 'leaked' });
  leaked.on('error', () => undefined);
  await leaked.connect();
  await expect(database.drop()).rejects.toThrow('leaked');
  await expect(query(database.url, 'SELECT 1')).rejects.toThrow('does not exist');
});
