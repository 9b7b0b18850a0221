import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, mqttUrl, startPlatform, type Platform } from '@muster/testing';
import { parseOptions } from './options.js';
import { ApiError, type PlatformApi } from './platform-api.js';
import { provisionFleet } from './provision-fleet.js';
import { chance } from './random.js';
import { brokenPromises } from './report.js';
import { simulate } from './simulate.js';

const DEVICES = 20;

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
}, 60_000);

afterAll(async () => {
  await platform.stop();
});

const api: PlatformApi = async <T>(method: string, path: string, body?: object): Promise<T> => {
  const answer = await platform.api(method, path, body);
  if (answer.status < 400) return answer.body as T;
  const { code } = answer.body as { code: string };
  throw new ApiError(answer.status, code, `${method} ${path}: ${answer.status} ${code}`);
};

const provision = () =>
  provisionFleet(
    { profile: 'radiator', devices: DEVICES },
    { api, apiKey: 'any key', fleet: 'e2e', interface: 'mqtt', parallel: 8, secrets: new Map() },
  );

describe('a fleet over MQTT', () => {
  it('has all samples stored and answered, and applies or refuses configurations as it was told to', async () => {
    expect(await provision()).toMatchObject({ created: DEVICES, reused: 0 });
    const { identities, created, reused } = await provision();
    expect({ created, reused }).toEqual({ created: 0, reused: DEVICES });

    const options = parseOptions([
      ...['--mqtt-url', mqttUrl(), '--duration', '0', '--rate', '2', '--seed', 'e2e', '--extensions', 'cmx'],
      ...['--config-delay', '0.2', '--config-failure', '0.3'],
    ]);
    const { counters, ended, stop } = simulate([{ profile: 'radiator', identities }], options);
    const ids = await idsByName();
    let refused: number[] = [];
    try {
      await eventually(() => counters.requests.configuration.ok === DEVICES, {
        what: 'all devices have asked for their configuration',
        deadlineMs: 15_000,
      });
      for (const id of ids.values()) {
        await api('PATCH', `/devices/${id}/configuration/desired`, { targetTemperature: 22 });
      }
      await eventually(() => counters.requests['configuration applied'].ok === DEVICES, {
        what: 'all devices have told what became of their configuration',
        deadlineMs: 15_000,
      });
      const states = await Promise.all(
        identities.map(async ({ index, name }) => {
          const { configId, syncState } = await api<{ configId: string; syncState: string }>(
            'GET',
            `/devices/${ids.get(name)!}/configuration`,
          );
          return { index, configId, syncState };
        }),
      );
      refused = states
        .filter(({ index, configId }) => chance(0.3, `e2e ${index} config ${configId}`))
        .map(({ index }) => index);
      expect(states.map(({ index, syncState }) => [index, syncState])).toEqual(
        identities.map(({ index }) => [index, refused.includes(index) ? 'rejected' : 'in_sync']),
      );
      await eventually(() => counters.requests.telemetry.ok >= 3 * DEVICES, {
        what: 'each device has sent three samples on average',
        deadlineMs: 15_000,
      });
    } finally {
      stop();
      await ended;
    }

    expect(counters).toMatchObject({
      connects: DEVICES,
      connected: 0,
      configurationsApplied: DEVICES - refused.length,
      configurationsRejected: refused.length,
    });
    expect(refused.length).toBeGreaterThan(0);
    expect(brokenPromises(counters, options)).toEqual([]);
    const { telemetry } = counters.requests;
    expect(telemetry).toMatchObject({ ok: telemetry.sent, errors: 0, silent: 0, interrupted: 0 });
    const stored = await Promise.all([...ids.values()].map(samplesOf));
    expect(stored.reduce((sum, count) => sum + count, 0)).toBe(telemetry.sent);
  });
});

const idsByName = async (): Promise<Map<string, string>> => {
  const { items } = await api<{ items: { id: string; name: string }[] }>('GET', '/devices?limit=100');
  return new Map(items.map(({ id, name }) => [name, id]));
};

const samplesOf = async (id: string): Promise<number> => {
  const { series } = await api<{ series: { points: unknown[] }[] }>(
    'GET',
    `/devices/${id}/telemetry?keys=temperature&limit=10000`,
  );
  return series[0]?.points.length ?? 0;
};
