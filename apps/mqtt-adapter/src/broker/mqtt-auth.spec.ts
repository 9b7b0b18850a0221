import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import type { AccessEntry } from '@muster/contracts/device-registry/access.requests';
import { RESOURCES } from '@muster/kp1';
import { createLogger, createMetrics } from '@muster/observability';
import { BoundedLog } from '@muster/uplink';
import { DeviceDirectory } from '@muster/uplink';
import { answerer, startMqttAuth, type MqttAuthParts } from './mqtt-auth.controller.js';
import { Subscribers } from './subscribers.js';

const entry = (change: Partial<AccessEntry>): AccessEntry => ({
  tenantId: 'default',
  token: 'tok1',
  tokenId: 'id-tok1',
  tokenStatus: 'active',
  deviceId: 'd1',
  deviceTypeId: 'radiator',
  appVersion: 'v1',
  interface: 'mqtt',
  credentialKinds: ['token'],
  secretHashes: [],
  ...change,
});

const scene = (change: Partial<MqttAuthParts> = {}) => {
  const directory = new DeviceDirectory('mqtt');
  directory.put({
    entries: [
      entry({}),
      entry({ token: 'susp-tok9', deviceId: 'd2', tokenStatus: 'suspended' }),
      entry({ token: 'over-http', deviceId: 'd3', interface: 'http' }),
    ],
    types: [{ tenantId: 'default', deviceTypeId: 'radiator', appVersions: ['v1', 'v2'], settings: {} }],
    nextCursor: null,
  });
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    service: 'test',
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const told: string[] = [];
  const sighted: string[] = [];
  const used: string[] = [];
  const subscribers = new Subscribers();
  const parts: MqttAuthParts = {
    host: '127.0.0.1',
    port: 0,
    anonymous: true,
    directory,
    questions: { admit: async (token, version) => directory.admit(token, version) },
    sightings: { note: ({ deviceId }, version) => void sighted.push(`${deviceId} ${version}`) },
    subscribers,
    uses: {
      connecting: (clientId) => void used.push(`${clientId} connects`),
      note: async (clientId, { deviceId }) => void used.push(`${clientId} uses ${deviceId}`),
    },
    unknownResource: (routingKey) => void told.push(routingKey),
    refusals: new BoundedLog(logger),
    logger,
    metrics: createMetrics('test'),
    ...change,
  };
  const answer = answerer(parts);
  const topic = async (permission: string, routing_key: string, clientId = 'client-1') =>
    answer(
      '/auth/topic',
      new Map(
        Object.entries({
          username: 'anonymous',
          vhost: '/',
          resource: 'topic',
          name: 'amq.topic',
          permission,
          routing_key,
          'variable_map.client_id': clientId,
        }),
      ),
    );
  return { parts, answer, topic, lines, told, sighted, used, subscribers };
};

describe('the broker’s callbacks', () => {
  it('let a device publish and subscribe on its topics, with every version of its type', async () => {
    const { topic, sighted } = scene();
    expect(await topic('write', 'kp1.v1.dcx.tok1.json.32')).toBe(true);
    expect(await topic('read', 'kp1.v2.*.tok1.#')).toBe(true);
    // What it subscribes to says nothing of the version that runs.
    expect(sighted).toEqual(['d1 v1', 'd1 v1']);
    expect(await topic('write', 'kp1.v2.dcx.tok1.json.32')).toBe(true);
    expect(sighted.at(-1)).toBe('d1 v2');
  });

  it.each([
    ['kp1.v1.dcx.unknown-token.json', 'unknown endpoint token'],
    ['kp1.v1.dcx.susp-tok9.json', 'endpoint token is suspended'],
    ['kp1.v1.dcx.over-http.json', 'device does not use mqtt but http'],
    ['kp1.pump-v1.dcx.tok1.json', 'unknown application version'],
  ])('refuse %s and log why, without the token', async (key, why) => {
    const { topic, lines } = scene();
    expect(await topic('write', key)).toBe(false);
    expect(await topic('write', key)).toBe(false);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      clientId: 'client-1',
      why,
      extension: 'dcx',
      path: 'json',
      level: 'info',
    });
    const token = key.split('.')[3] ?? '';
    if (token.length > 4) expect(JSON.stringify(lines)).not.toContain(token);
    expect(lines[0]?.['tokenHint']).toMatch(/^.{1,4}…$/);
  });

  it('refuse, and say so, when device-registry cannot be asked about a token', async () => {
    const { topic, lines } = scene({
      questions: {
        admit: async () => {
          throw new AppError('unavailable', 'away');
        },
      },
    });
    expect(await topic('write', 'kp1.v1.dcx.new-token.json')).toBe(false);
    expect(lines[0]?.['why']).toMatch(/could not be asked: unavailable/);
    expect(await topic('write', 'kp1.v1.dcx.tok1.json')).toBe(true);
  });

  it('allow a publish to an unknown resource, and have it answered once although the broker asks twice', async () => {
    const { topic, told } = scene();
    for (const key of [
      'kp1.v1.dcx.tok1.jsn.4',
      'kp1.v1.dcx.tok1.jsn.4',
      'kp1.v1.dcx.tok1',
      'kp1.v1.dcx.tok1.js on',
    ]) {
      expect(await topic('write', key)).toBe(true);
    }
    await topic('write', 'kp1.v1.dcx.tok1.json.4');
    await topic('read', 'kp1.v1.dcx.tok1.jsn.status');
    expect(told).toEqual(['kp1.v1.dcx.tok1.jsn.4', 'kp1.v1.dcx.tok1', 'kp1.v1.dcx.tok1.js on']);
  });

  it('remember who is subscribed to pushes, and nothing else', async () => {
    const { topic, subscribers } = scene();
    await topic('read', 'kp1.v1.dcx.tok1.json.*.status', 'telemetry-only');
    await topic('read', 'kp1.v1.cmx.tok1.config.json.#', 'wants-pushes');
    expect(subscribers.of('telemetry-only')).toEqual([]);
    expect(subscribers.of('wants-pushes')).toEqual(['kp1.v1.cmx.tok1.config.json.#']);
  });

  it('know every resource of the table, and nothing beside it', async () => {
    const { topic, told } = scene();
    const keys = RESOURCES.map(({ extension, path }) =>
      ['kp1.v1', extension, 'tok1', ...path.map((level) => level.replace(/[{}]/g, ''))].join('.'),
    );
    for (const key of keys) {
      expect(await topic('write', key)).toBe(true);
      expect(await topic('write', `${key}.5`)).toBe(true);
      expect(await topic('write', `${key}.status`)).toBe(false);
      expect(await topic('write', key.replace('tok1', 'susp-tok9'))).toBe(false);
    }
    expect(told).toEqual([]);
    await topic('write', 'kp1.v1.cex.tok1.commands.reboot');
    await topic('write', 'kp1.v1.dcx.tok1.plain.5');
    expect(told).toEqual(['kp1.v1.cex.tok1.commands.reboot', 'kp1.v1.dcx.tok1.plain.5']);
  });

  it('are answered over HTTP, and refused for anything that is not one of them', async () => {
    const { parts } = scene();
    const server = await startMqttAuth(parts);
    const post = async (path: string, body: string, method = 'POST') => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
        method,
        ...(method === 'POST' ? { body } : {}),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
      return `${response.status} ${await response.text()}`;
    };
    const user = 'username=anonymous&password=anonymous&vhost=%2F&client_id=c1';
    expect(await post('/auth/user', user)).toBe('200 allow');
    expect(await post('/auth/user', 'username=alice&password=x&vhost=%2F&client_id=c1')).toBe('200 deny');
    expect(await post('/auth/other', user)).toBe('200 deny');
    expect(await post('/auth/user', '', 'GET')).toBe('400 deny');
    expect(await post('/auth/user', `${user}&x=${'x'.repeat(20_000)}`)).toBe('400 deny');
    await server.close();
  });
});
