import { AppError, type JsonObject } from '@muster/contracts';
import type { FirmwareTypeView } from '@muster/contracts/firmware/requests';
import type { DeviceId, Facts } from '@muster/known-devices';
import type { FirmwareTypes } from '../firmware-type/firmware-types.projection.js';
import { highestFirst } from '../firmware/order-versions.js';
import type { Firmwares, StockedFirmware } from '../firmware/firmwares.projection.js';
import type { Candidate } from './next-hop.js';

/** What decides which firmwares a device may be given. */
export const DEVICE_FACTS = ['deviceTypeId', 'tags'] as const;

export type StockedDevice = DeviceId & Pick<Facts, (typeof DEVICE_FACTS)[number]>;

/** A firmware that a device may be given. */
export interface Offer extends Candidate {
  readonly firmware: StockedFirmware;
}

/** One software of a device, and what it may be given. */
export interface Shelf {
  /** How the device's stream calls it. */
  readonly software: string;
  /** Highest version first. */
  readonly offers: readonly Offer[];
}

/** How a device that names no software calls it: the first firmware type of its device type. */
export const DEFAULT_SOFTWARE = 'default';

/** What may be offered at this moment to devices of some types. Rollouts are decided here, per device. */
export class Catalogue {
  private constructor(
    private readonly types: readonly (FirmwareTypeView & { readonly tenantId: string })[],
    private readonly firmwares: readonly StockedFirmware[],
  ) {}

  /** Two statements, however many devices there are, and one more per tenant. */
  static async for(
    devices: readonly StockedDevice[],
    types: FirmwareTypes,
    firmwares: Firmwares,
  ): Promise<Catalogue> {
    const tenants = [...new Set(devices.map(({ tenantId }) => tenantId))];
    const [ofTenants, available] = await Promise.all([
      Promise.all(
        tenants.map(async (tenantId) => (await types.list(tenantId)).map((type) => ({ ...type, tenantId }))),
      ),
      firmwares.available(devices),
    ]);
    return new Catalogue(
      ofTenants.flat(),
      available.sort((a, b) => highestFirst(a.version, b.version)),
    );
  }

  /** Throws `firmware-type-not-found` for a name that is none; without a name there is always an answer. */
  shelfOf(device: StockedDevice, name: string | undefined): Shelf {
    const ofDevice = this.typesOf(device);
    const type =
      name === undefined || name === DEFAULT_SOFTWARE
        ? ofDevice.find(({ isDefault }) => isDefault)
        : ofDevice.find((one) => one.name === name);
    if (type !== undefined) return this.shelf(device, type);
    if (name === undefined || name === DEFAULT_SOFTWARE) return { software: DEFAULT_SOFTWARE, offers: [] };
    throw new AppError('firmware-type-not-found', 'The device type has no firmware type of this name.');
  }

  shelvesOf(device: StockedDevice): readonly Shelf[] {
    return this.typesOf(device).map((type) => this.shelf(device, type));
  }

  private typesOf({ tenantId, deviceTypeId }: StockedDevice) {
    return this.types.filter((type) => type.tenantId === tenantId && type.deviceTypeId === deviceTypeId);
  }

  private shelf(device: StockedDevice, type: FirmwareTypeView): Shelf {
    const offers = this.firmwares
      .filter((one) => one.tenantId === device.tenantId && one.firmwareTypeId === type.id)
      .filter(({ rollout }) => isFor(rollout, device))
      .map((firmware) => ({
        version: firmware.version,
        upgradableFrom: firmware.upgradableFrom,
        availableSince: firmware.availableSince,
        firmware,
      }));
    return { software: type.isDefault ? DEFAULT_SOFTWARE : type.name, offers };
  }
}

const isFor = ({ strategy, filter }: StockedFirmware['rollout'], device: StockedDevice): boolean => {
  if (strategy !== 'targeted') return strategy === 'general';
  return (
    (filter?.deviceIds?.includes(device.deviceId) ?? false) ||
    (filter?.tags?.some((tag) => device.tags.includes(tag)) ?? false)
  );
};

/** What the device gets, with a download token of its own. The URL works as it is, because many devices can do no more than fetch one. */
export const documentOf = ({ firmware }: Offer, token: string): JsonObject => ({
  version: firmware.version,
  url: `${firmware.url}?token=${token}`,
  token,
  size: firmware.size,
  sha256: firmware.sha256,
  name: firmware.name,
  firmwareType: firmware.firmwareType,
});
