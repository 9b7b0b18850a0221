import { setTimeout as pause } from 'node:timers/promises';
import { ApiError, type PlatformApi } from './platform-api.js';
import { PROFILES, type ProfileName } from './profiles.js';
import { Random } from './random.js';

const EVERY_MS = 3_000;

/** A setting that devices of the profile take, or refuse now and then. */
const SETTINGS: Readonly<Record<ProfileName, (random: Random) => Readonly<Record<string, number>>>> = {
  radiator: (random) => ({ targetTemperature: 16 + random.below(9) }),
  tracker: (random) => ({ maxSpeed: 10 + random.below(40) }),
  gateway: (random) => ({ pulseWeight: 1 + random.below(10) }),
};

/** What a campaign gives a kind of devices: other values than the operator's, so that it has something to do in every run. */
const CAMPAIGN: Readonly<Record<ProfileName, Readonly<Record<string, number>>>> = {
  radiator: { targetTemperature: 20.5 },
  tracker: { maxSpeed: 12.5 },
  gateway: { pulseWeight: 2.5 },
};

/**
 * Somebody who uses the platform while the fleet runs: a campaign is launched over the first kind of devices, a few first and
 * the rest with pauses; then in turn a device is given a setting and sent a command, every three seconds, until `signal`.
 * Some of these settings are of devices of the campaign, which then says who took them out of it. What the API refuses is
 * told and does not end it.
 */
export const operate = async (
  parts: readonly { readonly profile: ProfileName; readonly names: readonly string[] }[],
  {
    api,
    seed,
    signal,
    say,
  }: {
    readonly api: PlatformApi;
    readonly seed: string;
    readonly signal: AbortSignal;
    readonly say: (text: string) => void;
  },
): Promise<void> => {
  const random = new Random(`${seed} operator`);
  const devices = await Promise.all(
    parts.flatMap(({ profile, names }) =>
      names.map(async (name) => ({ profile, id: await idOf(api, name) })),
    ),
  );
  const told = (error: unknown): void => {
    if (!(error instanceof ApiError)) throw error;
    say(error.message);
  };
  await launchCampaign(api, devices, say).catch(told);
  for (let turn = 0; !signal.aborted; turn += 1) {
    const device = devices[random.below(devices.length)];
    if (device === undefined) return;
    const { profile, id } = device;
    const { commands } = PROFILES[profile];
    try {
      if (turn % 2 === 0)
        await api('PATCH', `/devices/${id}/configuration/desired`, SETTINGS[profile](random));
      else
        await api('POST', `/devices/${id}/commands`, {
          type: commands[random.below(commands.length)],
          ttlSeconds: 60,
        });
    } catch (error) {
      told(error);
    }
    await pause(EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
};

interface DemoDevice {
  readonly profile: ProfileName;
  readonly id: string;
}

const launchCampaign = async (
  api: PlatformApi,
  devices: readonly DemoDevice[],
  say: (text: string) => void,
): Promise<void> => {
  const profile = devices[0]?.profile;
  if (profile === undefined) return;
  const own = devices.filter((device) => device.profile === profile);
  const { id } = await api<{ id: string }>('POST', '/campaigns', {
    name: `Demo: a setting for every ${profile}`,
    target: { deviceIds: own.map((device) => device.id) },
    configurations: CAMPAIGN[profile],
    batches: [{ count: Math.min(2, own.length) }, { percent: 50 }, { percent: 100 }],
    spacingSeconds: 30,
    ratePerMinute: 20,
    onConflict: 'supersede',
  });
  await api('POST', `/campaigns/${id}/launch`);
  say(
    `campaign ${id} runs over ${own.length} devices of the kind ${profile}; the next batch comes every 30 s`,
  );
};

const idOf = async (api: PlatformApi, name: string): Promise<string> => {
  const filter = encodeURIComponent(`name=="${name}"`);
  const { items } = await api<{ items: { id: string }[] }>('GET', `/devices?limit=1&filter=${filter}`);
  const id = items[0]?.id;
  if (id === undefined) throw new ApiError(404, 'device-not-found', `there is no device ${name}`);
  return id;
};
