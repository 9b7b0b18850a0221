import { ApiError, type PlatformApi } from '../platform-api.js';
import { createOnce } from '../provision-fleet.js';
import { demoGroups, typeOf, type DemoPart } from './demo-fleet.js';

/** What of the demo there is to look at, by id. */
export interface DemoFacts {
  readonly runningCampaign: string;
  readonly finishedCampaign: string;
  readonly refusedJob: string;
  /** Of a radiator that runs, and of one that never comes. */
  readonly radiator: string;
  readonly away: string;
}

interface Named {
  readonly id: string;
  readonly name: string;
}

/** What devices tell of the past when they come for the first time. */
export const HISTORY_MS = 6 * 3_600_000;
const DAY_MS = 86_400_000;

/** Device types with the keys that they take and their defaults. After the types are there, before devices are used. */
export const configureTypes = async (
  api: PlatformApi,
  fleet: string,
  parts: readonly DemoPart[],
): Promise<void> => {
  for (const { profile, configuration, defaults } of parts) {
    const path = `/device-types/${typeOf(fleet, profile)}/configuration`;
    await api('PATCH', path, configuration);
    await api('PATCH', `${path}/defaults`, defaults);
  }
  const type = typeOf(fleet, 'radiator');
  await api('PATCH', `/device-types/${type}/app-versions/${type}-v2/configuration/defaults`, {
    targetTemperature: 20,
  });
};

/** Name → id of all devices of the demo. */
export const demoDevices = async (api: PlatformApi, fleet: string): Promise<Map<string, string>> => {
  const filter = encodeURIComponent(`deviceType==${fleet}-*`);
  const { items } = await api<{ items: Named[] }>('GET', `/devices?limit=500&filter=${filter}`);
  return new Map(items.map(({ id, name }) => [name, id]));
};

/** Names of the devices that have taken the new firmware, and the version that they run: devices remember it, as everything real does. */
export const updatedDevices = async (
  api: PlatformApi,
  fleet: string,
): Promise<ReadonlyMap<string, string>> => {
  const filter = encodeURIComponent(
    `deviceType==${typeOf(fleet, 'radiator')};software.default==${NEW_VERSION}`,
  );
  const { items } = await api<{ items: Named[] }>('GET', `/devices?limit=500&filter=${filter}`);
  return new Map(items.map(({ name }) => [name, NEW_VERSION]));
};

/**
 * Since when each device has told nothing: after its last sample, and at most six hours ago. So a fleet that comes back
 * fills the gap that it left, and one that was away for a minute tells nothing twice.
 */
export const historyFrom = async (
  api: PlatformApi,
  devices: ReadonlyMap<string, string>,
  now: number,
): Promise<Map<string, number>> => {
  const entries = [...devices];
  const from = new Map<string, number>();
  const worker = async (): Promise<void> => {
    for (let next = entries.pop(); next !== undefined; next = entries.pop()) {
      const [name, id] = next;
      const { items } = await api<{ items: { ts: string }[] }>('GET', `/devices/${id}/telemetry/latest`);
      const last = Math.max(0, ...items.map(({ ts }) => Date.parse(ts)));
      from.set(name, Math.max(last, now - HISTORY_MS));
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return from;
};

/**
 * What somebody has made of the fleet: groups, a firmware on offer and one held back, commands, values that were refused,
 * a supervision, and campaigns in every state. Each only where it is not there yet, so it may run any number of times,
 * and a run that was ended by half is completed by the next. While the devices run.
 */
export const setUpDemo = async (
  api: PlatformApi,
  fleet: string,
  { devices, now }: { readonly devices: ReadonlyMap<string, string>; readonly now: number },
): Promise<DemoFacts> => {
  const type = typeOf(fleet, 'radiator');
  const radiator = idOf(devices, `${type}-000001`);
  const away = idOf(devices, `${type}-000043`);
  for (const group of demoGroups(fleet)) {
    await createOnce(() => api('POST', '/groups', group), 'group-name-taken');
  }
  // First of all, for it takes longest: its batches have pauses between.
  const runningCampaign = await launchRunning(api, fleet);
  const finishedCampaign = await launchFinished(api, fleet);
  await offerFirmwares(api, fleet);
  await schedule(api, fleet, now);
  await draft(api, fleet);
  await superviseRadiators(api, fleet);
  await giveCommands(api, fleet, away);
  const refusedJob = await setTooHigh(api, fleet);
  return { runningCampaign, finishedCampaign, refusedJob, radiator, away };
};

/** What devices have not done yet of what makes the demo worth a look, in words; nothing: it is all there. */
export const stillMissing = async (
  api: PlatformApi,
  fleet: string,
  facts: DemoFacts,
): Promise<readonly string[]> => {
  const radiators = `deviceType==${typeOf(fleet, 'radiator')}`;
  const [running, finished, commands, updated, refused] = await Promise.all([
    api<{ byStatus: Partial<Record<string, number>> }>(
      'GET',
      `/campaigns/${facts.runningCampaign}/statistics`,
    ),
    api<{ status: string }>('GET', `/campaigns/${facts.finishedCampaign}`),
    api<{ items: { status: string }[] }>('GET', `/devices/${facts.away}/commands`),
    count(api, `${radiators};software.default==${NEW_VERSION}`),
    count(api, `deviceType==${fleet}-*;syncState==rejected`),
  ]);
  const there: readonly (readonly [string, boolean])[] = [
    ['a device that failed in the campaign', (running.byStatus['failed'] ?? 0) > 0],
    ['one that succeeded in it', (running.byStatus['succeeded'] ?? 0) > 0],
    ['the end of the campaign of the trackers', finished.status === 'completed'],
    ['a command that expired', commands.items.some(({ status }) => status === 'expired')],
    ['a device with the new firmware', updated > 0],
    ['a refused document', refused > 0],
  ];
  return there.filter(([, isThere]) => !isThere).map(([what]) => what);
};

const count = async (api: PlatformApi, filter: string): Promise<number> => {
  const { total } = await api<{ total: number }>(
    'GET',
    `/devices?limit=1&count=true&filter=${encodeURIComponent(filter)}`,
  );
  return total;
};

const idOf = (devices: ReadonlyMap<string, string>, name: string): string => {
  const id = devices.get(name);
  if (id === undefined) throw new ApiError(404, 'device-not-found', `there is no device ${name}`);
  return id;
};

const campaignsNamed = async (
  api: PlatformApi,
  name: string,
): Promise<readonly { readonly id: string; readonly status: string }[]> => {
  const { items } = await api<{ items: (Named & { status: string })[] }>(
    'GET',
    `/campaigns?limit=500&name=${encodeURIComponent(name)}`,
  );
  return items;
};

/** The campaign of this name that is in one of these statuses, or a new one. */
const campaignIn = async (
  api: PlatformApi,
  name: string,
  statuses: readonly string[],
  make: (before: number) => Promise<string>,
): Promise<string> => {
  const all = await campaignsNamed(api, name);
  return all.find(({ status }) => statuses.includes(status))?.id ?? (await make(all.length));
};

const create = async (api: PlatformApi, campaign: object, path = '/campaigns'): Promise<string> => {
  const { id } = await api<{ id: string }>('POST', path, campaign);
  return id;
};

const launch = async (api: PlatformApi, id: string): Promise<string> => {
  await api('POST', `/campaigns/${id}/launch`);
  return id;
};

/** A few first, behind a gate that some refusals do not close; then by itself; the last waits for somebody. */
const launchRunning = (api: PlatformApi, fleet: string): Promise<string> => {
  const name = `${fleet}: economy mode for all radiators`;
  return campaignIn(api, name, ['running', 'paused'], async (before) => {
    const id = await create(api, {
      name,
      description: 'Radiators with a low battery refuse it. The last batch waits until somebody releases it.',
      target: { filter: `deviceType==${typeOf(fleet, 'radiator')}` },
      // One that was ended by hand is followed by another, which has something to do.
      configurations: { ecoMode: true, ecoLevel: before + 1 },
      batches: [
        {
          filter: `group==${fleet}-canary`,
          gate: { maxFailurePercent: 90, minSettled: 3, maxWaitSeconds: 600, offline: 'exclude' },
        },
        { count: 8 },
        { count: 8 },
        { percent: 100, release: 'manual' },
      ],
      spacingSeconds: 15,
      deadlineSeconds: 600,
      onConflict: 'supersede',
    });
    return launch(api, id);
  });
};

const launchFinished = (api: PlatformApi, fleet: string): Promise<string> => {
  const name = `${fleet}: speed limit for trackers`;
  return campaignIn(api, name, ['running', 'completed'], async (before) => {
    const id = await create(api, {
      name,
      target: { filter: `deviceType==${typeOf(fleet, 'tracker')}` },
      configurations: { maxSpeed: 13.5 + before },
      waitForDevices: true,
      deadlineSeconds: 60,
      onConflict: 'supersede',
    });
    return launch(api, id);
  });
};

const schedule = async (api: PlatformApi, fleet: string, now: number): Promise<void> => {
  const name = `${fleet}: lower pressure for boilers, tomorrow night`;
  await campaignIn(api, name, ['scheduled', 'running'], async (before) => {
    const id = await create(api, {
      name,
      target: { filter: `deviceType==${typeOf(fleet, 'boiler')}` },
      configurations: { maxPressure: 2.2 - 0.1 * (before % 5) },
    });
    const tomorrow = new Date(Math.floor(now / DAY_MS) * DAY_MS + DAY_MS + 2 * 3_600_000);
    await api('POST', `/campaigns/${id}/schedule`, { startAt: tomorrow.toISOString() });
    return id;
  });
};

/** What devices of the simulator run at first. */
const FIRST_VERSION = '1.0.0';
const NEW_VERSION = '1.1.0';
const HELD_VERSION = '2.0.0';
const firmwareType = (fleet: string): string => `${fleet}-valve`;

/** One is offered to every radiator that connects; some refuse it. The next one is held back. */
const offerFirmwares = async (api: PlatformApi, fleet: string): Promise<void> => {
  const name = firmwareType(fleet);
  await createOnce(
    () =>
      api('POST', `/device-types/${typeOf(fleet, 'radiator')}/firmware-types`, {
        name,
        versionKey: 'firmware_version',
        urlKey: 'firmware_url',
        tokenKey: 'firmware_token',
      }),
    'firmware-type-name-taken',
  );
  for (const [version, before] of [
    [NEW_VERSION, FIRST_VERSION],
    [HELD_VERSION, NEW_VERSION],
  ] as const) {
    const form = new FormData();
    form.set('firmwareType', name);
    form.set('version', version);
    form.set('upgradableFrom', before);
    form.set('description', `Firmware ${version} of the demo`);
    form.set('file', new Blob([`demo firmware ${version}\n`.repeat(4_000)]), `valve-${version}.bin`);
    await createOnce(() => api('POST', '/firmwares', form), 'firmware-version-taken');
  }
  const offered = (await firmwares(api, fleet)).find(({ version }) => version === NEW_VERSION);
  if (offered?.rollout.strategy === 'suspended') {
    await api('PATCH', `/firmwares/${offered.id}`, { rollout: { strategy: 'general' } });
  }
};

const firmwares = async (
  api: PlatformApi,
  fleet: string,
): Promise<readonly { id: string; version: string; rollout: { strategy: string } }[]> => {
  const { items } = await api<{ items: { id: string; version: string; rollout: { strategy: string } }[] }>(
    'GET',
    `/firmwares?limit=100&firmwareType=${firmwareType(fleet)}`,
  );
  return items;
};

const draft = async (api: PlatformApi, fleet: string): Promise<void> => {
  const name = `${fleet}: firmware ${HELD_VERSION} for the canaries`;
  await campaignIn(api, name, ['draft'], async () => {
    const held = (await firmwares(api, fleet)).find(({ version }) => version === HELD_VERSION);
    const firmwareIds = held === undefined ? [] : [held.id];
    const target = { filter: `group==${fleet}-canary` };
    return create(api, { name, firmwareIds, target, expectedFrom: 'stated' }, '/campaigns/from-firmware');
  });
};

const superviseRadiators = async (api: PlatformApi, fleet: string): Promise<void> => {
  const name = `${fleet}: offices at 20 degrees`;
  const { items } = await api<{ items: Named[] }>('GET', '/supervisions?limit=500');
  if (items.some((supervision) => supervision.name === name)) return;
  await api('POST', '/supervisions', {
    name,
    target: { filter: `deviceType==${typeOf(fleet, 'radiator')};metadata.owner==offices` },
    configurations: { targetTemperature: 20 },
  });
};

/** To all canaries, some of which fail; and to one that is away, which expires. */
const giveCommands = async (api: PlatformApi, fleet: string, away: string): Promise<void> => {
  const { items } = await api<{ items: unknown[] }>('GET', `/devices/${away}/commands?limit=1`);
  if (items.length > 0) return;
  await api('POST', '/commands/bulk', {
    type: 'reboot',
    ttlSeconds: 600,
    target: { filter: `deviceType==${typeOf(fleet, 'radiator')};connected==true` },
  });
  await api('POST', `/devices/${away}/commands`, { type: 'reboot', ttlSeconds: 5 });
};

/** No radiator may be set to 45 degrees: a job with an error for each. */
const setTooHigh = async (api: PlatformApi, fleet: string): Promise<string> => {
  const { items } = await api<{ items: Named[] }>(
    'GET',
    '/jobs?kind=configuration-bulk&status=failed&limit=1',
  );
  const [known] = items;
  if (known !== undefined) return known.id;
  const { jobId } = await api<{ jobId: string }>('POST', '/configuration/bulk', {
    target: { filter: `group==${fleet}-offices-north` },
    desired: { targetTemperature: 45 },
  });
  return jobId;
};
