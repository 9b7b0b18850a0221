import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { connectBus, type Bus } from '@muster/messaging';
import { openTrust, renewServices, revokeServices } from '@muster/nats-accounts';
import { createLogger } from '@muster/observability';
import { eventually, startNats, type NatsServer } from '@muster/testing';
import { connect, credsAuthenticator } from '@nats-io/transport-node';

let directory: string;
let nats: NatsServer;
const opened: Bus[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-trust-'));
  nats = await startNats({ trust: await openTrust(directory) });
}, 60_000);
afterAll(async () => {
  await Promise.all(opened.map((bus) => bus.close()));
  await nats.stop();
  await rm(directory, { recursive: true });
});

const credentials = (): Promise<Buffer> => readFile(join(directory, 'services.creds'));

const enter = async (by: Buffer): Promise<Bus> => {
  const logger = createLogger({ service: 'spec', level: 'silent' });
  const bus = await connectBus({ url: nats.url, credentials: by.toString(), name: 'spec', logger });
  opened.push(bus);
  return bus;
};

/** What the server says to whom it refuses. It hangs up at once, and what it said may be lost by that. */
const answerTo = (by: Buffer): Promise<string> =>
  eventually(
    async () => {
      try {
        const options = { servers: nats.url, authenticator: credsAuthenticator(by), reconnect: false };
        await (await connect(options)).close();
        return 'welcome';
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException;
        return code === 'EPIPE' || code === 'ECONNRESET' ? false : message;
      }
    },
    { what: 'the server answers' },
  );

it('lets services in by old and new credentials, until the old ones are revoked, which ends who is in by them', async () => {
  const old = await credentials();
  const before = await enter(old);
  await renewServices(directory);
  const renewed = await credentials();
  expect(renewed.equals(old)).toBe(false);
  expect(await answerTo(old)).toBe('welcome');
  const after = await enter(renewed);

  await revokeServices(directory, nats.url);
  await eventually(() => !before.isConnected(), { what: 'the server hangs up' });
  expect(await answerTo(old)).toMatch(/authorization/i);
  expect(await answerTo(renewed)).toBe('welcome');
  expect(after.isConnected()).toBe(true);

  // A server that knows of it by its configuration alone.
  await nats.stop();
  nats = await startNats({ trust: await openTrust(directory) });
  expect(await answerTo(old)).toMatch(/authorization/i);
  expect(await answerTo(renewed)).toBe('welcome');
}, 60_000);
