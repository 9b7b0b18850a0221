import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { openTrust, renewServices, revokeServices } from '@muster/nats-accounts';
import { startNats, type NatsServer } from '@muster/testing';
import { connect, credsAuthenticator, type NatsConnection } from '@nats-io/transport-node';

let directory: string;
let nats: NatsServer;
const opened: NatsConnection[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-trust-'));
  nats = await startNats({ trust: await openTrust(directory) });
}, 60_000);
afterAll(async () => {
  await Promise.all(opened.map((connection) => connection.close()));
  await nats.stop();
  await rm(directory, { recursive: true });
});

const credentials = (): Promise<Buffer> => readFile(join(directory, 'services.creds'));
const enter = async (by: Buffer): Promise<NatsConnection> => {
  const connection = await connect({
    ...{ servers: nats.url, authenticator: credsAuthenticator(by) },
    reconnect: false,
  });
  opened.push(connection);
  return connection;
};

it('lets services in by old and new credentials, until the old ones are revoked, which ends who is in by them', async () => {
  const old = await credentials();
  const before = await enter(old);
  await renewServices(directory);
  const renewed = await credentials();
  expect(renewed.equals(old)).toBe(false);
  await enter(old);
  const after = await enter(renewed);

  await revokeServices(directory, nats.url);
  await before.closed();
  await expect(enter(old)).rejects.toThrow(/authorization/i);
  await enter(renewed);
  await after.flush();

  // A server that knows of it by its configuration alone.
  await nats.stop();
  nats = await startNats({ trust: await openTrust(directory) });
  await expect(enter(old)).rejects.toThrow(/authorization/i);
  await enter(renewed);
}, 60_000);
