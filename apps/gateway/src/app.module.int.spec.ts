import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createMetrics, Health, startOpsServer } from '@muster/observability';
import { eventually, freePort, startNats, type NatsServer } from '@muster/testing';
import { start } from './app.module.js';

/** It takes 0.1 to 0.4 s; a machine with other work may need more, and what is waited for by mistake takes ten. */
const AT_ONCE_MS = 4_000;

let nats: NatsServer;
let folder: string;

beforeAll(async () => {
  nats = await startNats();
  folder = await mkdtemp(join(tmpdir(), 'muster-gateway-'));
  await writeFile(join(folder, 'key'), 'a-secret-key-for-tests\n');
});

afterAll(async () => {
  await nats.stop();
  await rm(folder, { recursive: true, force: true });
});

const environment = (port: number, more: Readonly<Record<string, string>> = {}) => ({
  MUSTER_NATS_URL: nats.url,
  MUSTER_GATEWAY_PORT: String(port),
  MUSTER_ADMIN_API_KEY_FILE: join(folder, 'key'),
  MUSTER_FILES: join(folder, 'files'),
  MUSTER_LOG_LEVEL: 'silent',
  ...more,
});

it('listens before it waits for NATS: alive, not ready, and the API answers that it is starting', async () => {
  const port = await freePort();
  // A connection that is kept may end in the moment in which it is used again: only once for that.
  const ask = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
  const get = (path: string): Promise<Response> => ask(path).catch(() => ask(path));
  await nats.kill9();
  const starting = start(environment(port));
  await eventually(async () => (await (await get('/health/ready')).text()).includes('"name":"nats"'), {
    what: 'the page to name NATS',
  });
  expect((await get('/health/live')).status).toBe(200);
  const refused = await get('/api/v1/devices');
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('1');
  expect(await refused.json()).toMatchObject({ code: 'unavailable' });
  await nats.restart();
  const gateway = await starting;
  expect((await get('/health/ready')).status).toBe(200);
  expect((await get('/api/v1/devices')).status).toBe(401);
  await gateway.stop();
});

it('stops at once when nothing is under way, whatever connections are open', async () => {
  const port = await freePort();
  const gateway = await start(environment(port));
  // One that asked and is kept, one that never asked anything, as browsers hold in stock.
  await (await fetch(`http://127.0.0.1:${port}/health/live`)).text();
  const silent = connect(port, '127.0.0.1');
  await once(silent, 'connect');
  const ended = once(silent.resume(), 'close');
  const began = Date.now();
  await gateway.stop();
  expect(Date.now() - began).toBeLessThan(AT_ONCE_MS);
  await ended;
});

it('tells in words what cannot be read as a request', async () => {
  const port = await freePort();
  const gateway = await start(environment(port));
  const said = async (sent: string): Promise<unknown> => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('error', () => undefined);
    socket.write(sent);
    await eventually(() => socket.closed, { what: 'it is closed' });
    expect(answer).toContain('content-type: application/problem+json');
    return JSON.parse(answer.split('\r\n\r\n')[1] ?? '');
  };
  const refusal = { type: '/problems/invalid-request', code: 'invalid-request' };
  expect(await said('SSH-2.0-x\r\n\r\n')).toMatchObject({ ...refusal, status: 400 });
  expect(await said(`GET / HTTP/1.1\r\nHost: a\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`)).toMatchObject({
    ...refusal,
    status: 431,
    detail: 'the headers must have at most 16384 bytes.',
  });
  expect(await said('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n')).toMatchObject({ ...refusal, status: 405 });
  await gateway.stop();
});

it('speaks on its pages for the processes it was told of', async () => {
  const health = new Health();
  health.add('database', () => {
    throw new Error('connection refused');
  });
  const other = await startOpsServer({ port: 0, health, metrics: createMetrics('other') });
  const port = await freePort();
  const gateway = await start(
    environment(port, { MUSTER_GATEWAY_COMPANIONS: `other=http://127.0.0.1:${other.port}` }),
  );
  try {
    const ready = await fetch(`http://127.0.0.1:${port}/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({
      ready: false,
      failing: [{ name: 'other: database', reason: 'connection refused' }],
    });
  } finally {
    await gateway.stop();
    await other.close();
  }
});

it('refuses companions that cannot be read, and opens nothing', async () => {
  await expect(start(environment(0, { MUSTER_GATEWAY_COMPANIONS: 'other:17900' }))).rejects.toThrow(
    'MUSTER_GATEWAY_COMPANIONS must be <name>=http://<host>:<port>',
  );
});
