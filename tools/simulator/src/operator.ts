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
  boiler: (random) => ({ maxPressure: 2 + random.below(10) / 10 }),
};

/**
 * Somebody who uses the platform while the fleet runs: in turn a device is given a setting and sent a command, every three
 * seconds, until `signal`. What the API refuses is told and does not end it.
 */
export const operate = async (
  devices: readonly { readonly profile: ProfileName; readonly id: string }[],
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
      if (!(error instanceof ApiError)) throw error;
      say(error.message);
    }
    await pause(EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
};
