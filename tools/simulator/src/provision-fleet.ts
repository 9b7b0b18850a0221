import { createHmac } from 'node:crypto';
import type { Identity } from './link.js';
import { ApiError, type PlatformApi } from './platform-api.js';
import type { ProfileName } from './profiles.js';

export interface FleetPart {
  readonly profile: ProfileName;
  readonly devices: number;
}

export interface ProvisionSettings {
  readonly api: PlatformApi;
  /** Tokens follow from it, so that the next run knows them although the platform shows a token only once. */
  readonly apiKey: string;
  readonly fleet: string;
  readonly interface: 'mqtt' | 'http';
  /** Requests at the same time. */
  readonly parallel: number;
  /** Secrets of HTTP devices by name, as the platform showed them once; those of new devices are added. */
  readonly secrets: Map<string, string>;
}

export interface Provisioned {
  readonly identities: readonly Identity[];
  readonly created: number;
  readonly reused: number;
}

/**
 * Makes sure that a device type and so many devices exist; what exists is used as it is, so it may run any number of
 * times, also with more devices than before. A device of this name that was created with another API key has another
 * token, which is found out only when it connects. Throws `ApiError`, also for an HTTP device whose secret is not known.
 */
export const provisionFleet = async (
  { profile, devices }: FleetPart,
  settings: ProvisionSettings,
): Promise<Provisioned> => {
  const { api, fleet, parallel, secrets } = settings;
  const deviceType = `${fleet}-${profile}`;
  await createOnce(() => api('POST', '/device-types', { name: deviceType }), 'device-type-name-taken');
  const { appVersions } = await api<{ appVersions: { name: string }[] }>(
    'GET',
    `/device-types/${deviceType}`,
  );
  const appVersion = appVersions.at(-1)?.name;
  if (appVersion === undefined) throw new ApiError(0, '', `device type ${deviceType} has no app version`);

  const identities: Identity[] = [];
  let created = 0;
  let next = 1;
  const make = async (index: number): Promise<Identity> => {
    const name = `${deviceType}-${String(index).padStart(6, '0')}`;
    const token = tokenOf(settings.apiKey, name);
    const input = { name, deviceType, appVersion, interface: settings.interface, token };
    const made = await createOnce<CreatedDevice>(() => api('POST', '/devices', input), 'device-name-taken');
    if (made !== undefined) created += 1;
    if (made?.credential?.secret !== undefined) secrets.set(name, made.credential.secret);
    const secret = settings.interface === 'http' ? secrets.get(name) : undefined;
    if (settings.interface === 'http' && secret === undefined) {
      throw new ApiError(0, '', `the secret of ${name} is not known here; take another --fleet`);
    }
    return { index, name, token, appVersion, ...(secret === undefined ? {} : { secret }) };
  };
  const worker = async (): Promise<void> => {
    for (let index = next; index <= devices; index = next) {
      next += 1;
      identities[index - 1] = await make(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, devices) }, worker));
  return { identities, created, reused: devices - created };
};

interface CreatedDevice {
  readonly credential?: { readonly secret?: string };
}

/** undefined: it was there. */
const createOnce = async <T>(create: () => Promise<T>, taken: string): Promise<T | undefined> => {
  try {
    return await create();
  } catch (error) {
    if (error instanceof ApiError && error.code === taken) return undefined;
    throw error;
  }
};

/** Whoever knows a token is the device: nobody without the API key can tell it from the name. */
const tokenOf = (apiKey: string, name: string): string =>
  createHmac('sha256', apiKey).update(`simulator ${name}`).digest('base64url').slice(0, 24);
