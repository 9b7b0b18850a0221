import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  answerDocuments,
  call,
  connectSenders,
  countSamples,
  isAsWanted,
  provision,
  recount,
  runName,
  sendSteadily,
  type Connected,
  type Sender,
} from '@muster/bench/fleet';

import { chartTools, eventually } from '@muster/testing';
import pg from 'pg';
import type { Ending } from './cluster.js';
import type { Connections } from './connections.js';
import { restOf, wholeLife } from './device-life.fixture.js';
import { guarded } from './guarded.js';
import { install, type Installation } from './installation.js';
import { openPlaces } from './places.js';

/** The chart, installed: by `npm test -- pods`. See tools/pods/README.md. */
const REPLICAS = Number(process.env['MUSTER_TEST_PODS_REPLICAS'] ?? 1);
const DEVICES = 100;
const BATCHES = 5;
const SAMPLES_PER_SECOND = 50;
/** So long writing the campaign takes alone: it is under way while all pods are replaced. */
const WRITING_SECONDS = 40;

const say = (line: string): void => void process.stderr.write(`pods: ${line}\n`);

let installation: Installation;
let remove: () => Promise<void>;

beforeAll(async () => {
  const places = openPlaces(resolve(import.meta.dirname, '../../../..'));
  let end: () => void = () => undefined;
  const ended = new Promise<void>((done) => (end = done));
  await new Promise<void>((installed, failed) => {
    const all = guarded(places, async () => {
      const { helm } = chartTools();
      if (helm === undefined) throw new Error('run these specs through `npm test -- tools/pods`');
      installation = await install(places, { helm, replicas: REPLICAS, say });
      installed();
      await ended;
      installation.close();
    });
    all.catch(failed);
    remove = () => {
      end();
      return all.catch(() => undefined); // told above
    };
  });
  process.env['MUSTER_TEST_MQTT_URL'] = installation.mqttUrl;
  process.env['MUSTER_URL'] = installation.url;
  process.env['MUSTER_MQTT_URL'] = installation.mqttUrl;
  process.env['MUSTER_DIRECTORY'] = installation.directory;
}, 600_000);

afterAll(async () => {
  await remove();
}, 60_000);

it("carries a device's whole life over the door and REST", async () => {
  await wholeLife(installation);
}, 60_000);

it('connects, and is connected to, nowhere but where the NetworkPolicies allow it', async () => {
  const seen = new Set<number>();
  for (const deployment of installation.deployments)
    for (const pod of installation.cluster.podsOf(deployment)) {
      const found = await installation.cluster.connectionsOf(pod);
      const beyond = excess(found, installation.allowed(pod.template));
      expect({ pod: pod.name, ...beyond }).toEqual({ pod: pod.name, to: [], at: [] });
      for (const port of found.to) seen.add(port);
    }
  // Those to RabbitMQ's MQTT are of devices that are connected.
  expect([...seen]).toEqual(expect.arrayContaining([4222, 5432, 5672]));
});

const excess = (found: Connections, allowed: Connections): Connections => ({
  to: found.to.filter((port) => !allowed.to.includes(port)),
  at: found.at.filter((port) => !allowed.at.includes(port)),
});

describe('every Deployment, restarted under telemetry and a campaign,', () => {
  let senders: readonly Sender[] = [];
  let fleet: readonly Connected[];
  let campaignId: string;
  let endings: readonly Ending[];
  let answers: ReadonlyMap<number | string, number>;

  beforeAll(async () => {
    const run = runName('restart');
    senders = await connectSenders(run, await provision(run, DEVICES));
    fleet = await answerDocuments(senders);
    const restarted = new AbortController();
    const flow = sendSteadily(senders, SAMPLES_PER_SECOND, restarted.signal);
    const asked = askSteadily(restarted.signal);
    try {
      campaignId = await launch(run);
      endings = await restartAll();
    } finally {
      restarted.abort();
      await flow;
      answers = await asked;
    }
  }, 600_000);

  afterAll(async () => {
    await Promise.all(senders.map(({ client }) => client.endAsync(true)));
  });

  it('ends every pod that is told to stop with 0', () => {
    say(`slowest to stop: ${slowest(endings)}`);
    expect(endings).toHaveLength(installation.deployments.length * REPLICAS);
    expect(endings.filter(({ exitCode }) => exitCode !== 0)).toEqual([]);
  });

  it('answers whatever an operator asks meanwhile', () => {
    expect(answers).toEqual(new Map([[200, expect.any(Number)]]));
  });

  it('stores every acknowledged sample, and once those that carry their time', async () => {
    await eventually(() => senders.every(({ acknowledged, sent }) => acknowledged.size === sent), {
      what: 'every sample is acknowledged',
      deadlineMs: 30_000,
    });
    const timed = await countSamples(senders.filter(({ ownTime }) => ownTime));
    // RabbitMQ 4 hides that a client sends again: see apps/telemetry/README.md.
    const untimed = await countSamples(senders.filter(({ ownTime }) => !ownTime));
    say(`${timed.sent + untimed.sent} samples, ${untimed.twice} without a time stored twice`);
    expect(timed).toMatchObject({ stored: timed.sent, missing: 0, twice: 0 });
    expect(untimed).toMatchObject({ stored: untimed.sent, missing: 0 });
  }, 90_000);

  it('brings the campaign to its end, as its devices said', async () => {
    await eventually(
      async () => (await call<{ status: string }>('GET', `/campaigns/${campaignId}`)).status === 'completed',
      { what: 'the campaign is completed', deadlineMs: 120_000, everyMs: 500 },
    );
    await recounted(campaignId, fleet);
  }, 200_000);

  it('parks nothing', async () => {
    expect(await restOf(installation)('GET', '/parked')).toMatchObject({ status: 200, body: { items: [] } });
  });
});

const launch = async (run: string): Promise<string> => {
  const { id } = await call<{ id: string }>('POST', '/campaigns', {
    name: run,
    target: { filter: `deviceType==${run}` },
    configurations: { firmware_version: '1.1' },
    batches: Array.from({ length: BATCHES }, () => ({ percent: 100 / BATCHES })),
    ratePerMinute: (DEVICES * 60) / WRITING_SECONDS,
    retries: { max: 5, firstAfterSeconds: 1 },
  });
  await call('POST', `/campaigns/${id}/launch`, { expectedCount: DEVICES });
  return id;
};

/** One Deployment after the other; old pods take their time to stop while the next one begins. */
const restartAll = async (): Promise<Ending[]> => {
  const began = Date.now();
  const endings: Promise<Ending>[] = [];
  for (const deployment of installation.deployments) {
    const { length } = installation.cluster.podsOf(deployment);
    endings.push(...(await installation.cluster.restart(deployment)));
    say(`${deployment.metadata.name}: ${length} replaced (${((Date.now() - began) / 1_000).toFixed(1)} s)`);
  }
  const ended = await Promise.all(endings);
  say(`all have stopped (${((Date.now() - began) / 1_000).toFixed(1)} s)`);
  return ended;
};

/** An operator looks at the devices all the time, by a new connection each time: status → how often. */
const askSteadily = async (signal: AbortSignal): Promise<ReadonlyMap<number | string, number>> => {
  const answers = new Map<number | string, number>();
  while (!signal.aborted) {
    const answer = await fetch(`${installation.url}/api/v1/devices?limit=1`, {
      headers: { 'x-api-key': installation.adminApiKey, connection: 'close' },
    }).then(
      async (response) => {
        const text = await response.text();
        return response.ok ? response.status : `${response.status} ${text}`;
      },
      (error: unknown) => String(error),
    );
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
    await delay(100);
  }
  return answers;
};

const recounted = async (campaignId: string, fleet: readonly Connected[]): Promise<void> => {
  const having = (habit: Connected['habit']): number => fleet.filter((one) => one.habit === habit).length;
  const database = new pg.Client({ connectionString: installation.databaseUrl });
  await database.connect();
  try {
    await eventually(
      async () => {
        const counted = await recount(database, {
          ...{ campaignId, devices: DEVICES, batches: BATCHES, busy: having('busy') },
          ...{ succeeded: having('obeys') + having('busy'), failed: having('refuses') },
        });
        expect(counted.filter((one) => !isAsWanted(one))).toEqual([]);
        return true;
      },
      { what: 'the campaign is what its devices said', deadlineMs: 60_000, everyMs: 500 },
    );
  } finally {
    await database.end();
  }
};

const slowest = (endings: readonly Ending[]): string => {
  const [last] = [...endings].sort((one, other) => other.ms - one.ms);
  return last === undefined ? 'none' : `${last.pod} (${(last.ms / 1_000).toFixed(1)} s)`;
};
