import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { requestContracts } from '@muster/contracts/schema/every-contract';
import { eventually, startPlatform, unrulyNats, type Platform } from '@muster/testing';
import { Campaigning, MqttFleet, obeys, refuses, type Habit, type Made } from './campaign.fixture.js';

/** Of a run that failed, to meet the same choices again. */
const seed = Number(process.env['BATTERED_SEED'] ?? Math.floor(Math.random() * 1e9));
const DEVICES = 60;
const CONNECTED = 24;
const BATCHES = 6;
/** Of these are connected: each sixth refuses, each eighth is busy at first. */
const REFUSING = 4;
const BUSY = 3;
const WRITING_SECONDS = 12;

const REPEATABLE: ReadonlySet<string> = new Set(
  requestContracts()
    .filter(({ idempotent }) => idempotent)
    .map(({ subject }) => subject),
);

let platform: Platform;
let campaigning: Campaigning;
const fleet = new MqttFleet();

beforeAll(async () => {
  platform = await startPlatform(
    {},
    {
      busOf: ({ port }) => unrulyNats({ port, seed, mayRepeat: (subject) => REPEATABLE.has(subject) }),
    },
  );
  campaigning = new Campaigning(platform);
}, 60_000);

afterAll(async () => {
  await fleet.stop();
  await platform.stop();
});

/** Numbers of 0 to 1 that the seed repeats. */
const random = (() => {
  let state = seed;
  return (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
})();

const habitOf = (nth: number): Habit => {
  if (nth % 6 === 1) return refuses(400);
  if (nth % 8 !== 2) return obeys;
  let documents = 0;
  return () => ({ statusCode: (documents += 1) === 1 ? 503 : 200 });
};

/** Breaks every transaction of one service off, by the name under which it is connected. */
const breakOff = (service: string): Promise<unknown> =>
  platform.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1`, [
    `%${service}%`,
  ]);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe(`a campaign whose parts are battered (BATTERED_SEED=${seed})`, () => {
  it('writes every device once, decides everything once, and its numbers are those of its events', async () => {
    await campaigning.type('battered');
    const devices = await campaigning.devices('battered', DEVICES);
    await fleet.connectAll(devices.slice(0, CONNECTED), habitOf);
    const campaignId = await campaigning.launch({
      name: 'battered',
      target: { filter: 'deviceType==battered' },
      configurations: { level: 7 },
      batches: Array.from({ length: BATCHES }, (_none, nth) => ({
        percent: nth === BATCHES - 1 ? 100 : Math.floor(100 / BATCHES),
      })),
      ratePerMinute: (DEVICES * 60) / WRITING_SECONDS,
      retries: { max: 5, firstAfterSeconds: 1 },
    });
    await batter();
    await campaigning.until(campaignId, ({ status }) => status === 'completed', 60_000);
    const succeeded = CONNECTED - REFUSING;
    const written = DEVICES - CONNECTED;
    await campaigning.counts(campaignId, { succeeded, failed: REFUSING, written }, 30_000);

    expect(await writesOf(campaignId)).toEqual({ changes: DEVICES, devices: DEVICES, offers: BUSY });
    expect(await decisionsOf(campaignId)).toEqual({
      ...{ CampaignCreated: 1, CampaignLaunched: 1, CampaignTargetsResolved: 1, CampaignCompleted: 1 },
      ...{
        BatchReleased: BATCHES,
        BatchDispatched: BATCHES,
        BatchSynchronised: BATCHES,
        BatchPassed: BATCHES,
      },
    });
    await numbersAgree(campaignId, { succeeded, failed: REFUSING, written });
    await holdTheirDocument(devices.slice(0, CONNECTED));
  }, 180_000);
});

/** While it writes: connections are cut, and twice everything is killed. */
const batter = async (): Promise<void> => {
  const until = Date.now() + WRITING_SECONDS * 1_000;
  const kills = [0.2 + random() * 0.2, 0.6 + random() * 0.2].map(
    (share) => until - (1 - share) * WRITING_SECONDS * 1_000,
  );
  while (Date.now() < until) {
    await pause(100 + random() * 500);
    if (kills[0] !== undefined && Date.now() > kills[0]) {
      kills.shift();
      await platform.kill9();
      await platform.restart();
    } else {
      await breakOff(random() < 0.5 ? 'campaign-orchestrator' : 'configuration');
    }
  }
};

const writesOf = async (campaignId: string): Promise<unknown> => {
  const [row] = await platform.sql(
    `SELECT count(*) FILTER (WHERE type = 'DesiredConfigurationChanged')::integer AS changes,
       count(DISTINCT stream) FILTER (WHERE type = 'DesiredConfigurationChanged')::integer AS devices,
       count(*) FILTER (WHERE type = 'ConfigurationReoffered')::integer AS offers
     FROM configuration.events WHERE data->'source'->>'id' = $1`,
    [campaignId],
  );
  return row;
};

const decisionsOf = async (campaignId: string): Promise<unknown> => {
  const rows = await platform.sql(
    `SELECT type, count(*)::integer AS n FROM campaign_orchestrator.events WHERE stream = 'campaign-' || $1 GROUP BY 1`,
    [campaignId],
  );
  return Object.fromEntries(rows.map(({ type, n }) => [type, n]));
};

/** The counters, the rows and the supervision say the same. */
const numbersAgree = async (campaignId: string, wanted: Readonly<Record<string, number>>): Promise<void> => {
  const rows = await platform.sql(
    `SELECT status, count(*)::integer AS n FROM campaign_orchestrator.campaign_targets WHERE campaign_id = $1 GROUP BY 1`,
    [campaignId],
  );
  expect(Object.fromEntries(rows.map(({ status, n }) => [status, n]))).toEqual(wanted);
  await eventually(
    async () => {
      const { body } = await platform.api('GET', `/campaigns/${campaignId}/statistics`);
      expect(body).toMatchObject({
        ...{ targets: DEVICES, synchronised: DEVICES, inFlight: 0, late: 0, byStatus: wanted },
        adoption: { valid: wanted['succeeded'], invalid: wanted['failed'], unknown: wanted['written'] },
      });
      return true;
    },
    { deadlineMs: 30_000, what: 'the numbers are those of the rows' },
  );
};

const holdTheirDocument = async (devices: readonly Made[]): Promise<void> => {
  for (const { id } of devices) {
    const { body } = await platform.api('GET', `/devices/${id}/configuration`);
    expect(fleet.documents.get(id)?.at(-1)).toMatchObject({
      configId: (body as { configId: string }).configId,
      config: { level: 7 },
    });
  }
};
