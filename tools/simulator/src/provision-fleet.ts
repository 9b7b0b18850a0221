import { createHmac } from 'node:crypto';
import type { Identity } from './link.js';
import { ApiError, type PlatformApi } from './platform-api.js';
import type { ProfileName } from './profiles.js';

export interface FleetPart {
  readonly profile: ProfileName;
  readonly devices: number;
  /** That of all parts where nothing is said. */
  readonly interface?: 'mqtt' | 'http';
  /** What else is said of the device type `name` when it is made. */
  readonly deviceType?: (name: string) => {
    readonly appVersions?: readonly { readonly name: string }[];
    readonly settings?: { readonly httpTokenOnly?: boolean };
    readonly [field: string]: unknown;
  };
  /** What else is said of a device of the type `type`, from 1, when it is made. */
  readonly device?: (
    index: number,
    type: string,
  ) => { readonly appVersion?: string; readonly [field: string]: unknown };
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
export const provisionFleet = async (part: FleetPart, settings: ProvisionSettings): Promise<Provisioned> => {
  const { devices } = part;
  const { api, fleet, parallel, secrets } = settings;
  const deviceType = `${fleet}-${part.profile}`;
  const speaks = part.interface ?? settings.interface;
  const described = part.deviceType?.(deviceType);
  const hasSecrets = speaks === 'http' && described?.settings?.httpTokenOnly !== true;
  await createOnce(
    () => api('POST', '/device-types', { ...described, name: deviceType }),
    'device-type-name-taken',
  );
  const { appVersions } = await api<{ appVersions: { name: string }[] }>(
    'GET',
    `/device-types/${deviceType}`,
  );
  const newest = appVersions.at(-1)?.name;
  if (newest === undefined) throw new ApiError(0, '', `device type ${deviceType} has no app version`);

  const identities: Identity[] = [];
  let created = 0;
  let next = 1;
  const make = async (index: number): Promise<Identity> => {
    const name = `${deviceType}-${String(index).padStart(6, '0')}`;
    const token = tokenOf(settings.apiKey, name);
    const details = part.device?.(index, deviceType);
    const appVersion = details?.appVersion ?? newest;
    const input = { ...details, name, deviceType, appVersion, interface: speaks, token };
    const made = await createOnce<CreatedDevice>(() => api('POST', '/devices', input), 'device-name-taken');
    if (made !== undefined) created += 1;
    if (hasSecrets && made?.credential?.secret !== undefined) secrets.set(name, made.credential.secret);
    const secret = hasSecrets ? secrets.get(name) : undefined;
    if (hasSecrets && secret === undefined) {
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
export const createOnce = async <T>(create: () => Promise<T>, taken: string): Promise<T | undefined> => {
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
