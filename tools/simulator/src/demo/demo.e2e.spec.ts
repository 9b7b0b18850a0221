import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually, mqttUrl, startPlatform, type Platform } from '@muster/testing';
import { parseOptions } from '../options.js';
import { platformApi, type PlatformApi } from '../platform-api.js';
import type { ProvisionSettings } from '../provision-fleet.js';
import { simulate } from '../simulate.js';
import { playDemo, prepareDemo } from './demo.js';
import { demoSummary } from './demo-summary.js';
import type { DemoFacts } from './set-up-demo.js';

let platform: Platform;
let api: PlatformApi;

beforeAll(async () => {
  platform = await startPlatform();
  api = platformApi(platform.url, platform.apiKey);
}, 60_000);

afterAll(async () => {
  await platform.stop();
});

interface Page<T> {
  readonly items: readonly T[];
  readonly total: number;
}

const settings = (): ProvisionSettings => ({
  api,
  apiKey: platform.apiKey,
  fleet: 'demo',
  interface: 'mqtt',
  parallel: 8,
  secrets: new Map(),
});

/** How many there are of everything that a second run could make twice. */
const counted = async (): Promise<readonly number[]> =>
  Promise.all(
    ['devices', 'device-types', 'groups', 'firmwares', 'campaigns', 'supervisions', 'jobs'].map(
      async (path) => (await api<Page<object>>('GET', `/${path}?limit=1&count=true`)).total,
    ),
  );

/** One run of the demo, until it says that it is ready. Resolves with what it said and what was seen meanwhile. */
const runDemo = async <T>(look: (facts: DemoFacts) => Promise<T>): Promise<T> => {
  const options = parseOptions([
    ...['--demo', '--offline', '0', '--mqtt-url', mqttUrl(), '--http-url', platform.devicesUrl],
    ...['--poll', '1', '--firmware-delay', '1', '--rate', '0.1'],
  ]);
  const parts = await prepareDemo(settings());
  const simulation = simulate(parts, options);
  const over = new AbortController();
  let facts: DemoFacts | undefined;
  const played = playDemo(parts, {
    api,
    fleet: 'demo',
    seed: options.seed,
    signal: over.signal,
    say: () => undefined,
    ready: (found) => (facts = found),
  });
  try {
    await Promise.race([
      played,
      eventually(() => facts !== undefined, { what: 'the demo is ready', deadlineMs: 60_000 }),
    ]);
    return await look(facts as unknown as DemoFacts); // ready has been called
  } finally {
    over.abort();
    simulation.stop();
    await Promise.all([simulation.ended, played]);
  }
};

const total = async (filter: string): Promise<number> =>
  (await api<Page<object>>('GET', `/devices?limit=1&count=true&filter=${encodeURIComponent(filter)}`)).total;

it('has something of everything to look at, once, however often it is started', async () => {
  const before = await runDemo(async (facts) => {
    const { status, phase } = await api<{ status: string; phase: string }>(
      'GET',
      `/campaigns/${facts.runningCampaign}`,
    );
    expect({ status, phase }).toEqual({ status: 'running', phase: expect.any(String) });
    const failed = await api<Page<{ reason: object }>>(
      'GET',
      `/campaigns/${facts.runningCampaign}/targets?status=failed&count=true`,
    );
    expect(failed.total).toBeGreaterThan(0);
    expect(failed.items[0]?.reason).toMatchObject({ origin: 'device' });
    const campaigns = await api<Page<{ status: string }>>('GET', '/campaigns');
    expect(campaigns.items.map((campaign) => campaign.status).sort()).toEqual([
      'completed',
      'draft',
      'running',
      'scheduled',
    ]);

    expect(await total('deviceType==demo-*')).toBe(70);
    expect(await total('deviceType==demo-*;connected==false')).toBe(3);
    expect(await total('deviceType==demo-boiler;interface==http;syncState==in_sync')).toBeGreaterThan(0);
    expect(await total('group==demo-refusing')).toBeGreaterThan(0);
    expect(await total('deviceType==demo-radiator;software.default==1.1.0')).toBeGreaterThan(0);
    const errors = await api<Page<{ code: string }>>('GET', `/jobs/${facts.refusedJob}/errors`);
    expect(errors.items[0]).toMatchObject({ code: 'invalid-configuration' });
    const commands = await api<Page<{ status: string }>>('GET', `/devices/${facts.away}/commands`);
    expect(commands.items.map((command) => command.status)).toContain('expired');
    const history = await api<{ series: { points: [string, unknown][] }[] }>(
      'GET',
      `/devices/${facts.radiator}/telemetry?keys=temperature&limit=100&from=${new Date(Date.now() - 6.5 * 3_600_000).toISOString()}`,
    );
    expect(history.series[0]?.points.length).toBeGreaterThan(70);

    const summary = demoSummary(facts, {
      fleet: 'demo',
      url: platform.url,
      keyFile: '.muster/admin-api-key',
      directory: '/a b',
      since: new Date(Date.now() - 3_600_000).toISOString(),
    });
    expect(summary).toContain("cd '/a b'");
    for (const path of readsOf(summary)) await api('GET', path);
    return counted();
  });

  await runDemo(async () => {
    expect(await counted()).toEqual(before);
  });
}, 100_000);

/** The paths that the summary reads, which must all answer; the stream does not end, and the release is for later. */
const readsOf = (summary: string): string[] => {
  const paths = [...summary.matchAll(/^ {2}api "?\$API([^\s"]+)"?$/gm)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(10);
  return paths;
};
