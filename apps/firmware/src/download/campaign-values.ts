import { AppError, type JsonObject } from '@muster/contracts';
import type { FirmwareTypeView, FirmwareView } from '@muster/contracts/firmware/requests';

/** A firmware that a campaign hands out by keys of the configuration. */
export interface HandedOut {
  readonly firmware: Pick<FirmwareView, 'version' | 'url' | 'firmwareType'>;
  readonly type: Pick<FirmwareTypeView, 'versionKey' | 'urlKey' | 'tokenKey'>;
}

/** Pure. Throws `firmware-keys-collide`: a campaign has one value of a key for all its devices. */
export const assertKeysApart = (all: readonly HandedOut[]): void => {
  const users = new Map<string, HandedOut>();
  for (const one of all) {
    for (const key of [one.type.versionKey, one.type.urlKey, one.type.tokenKey]) {
      const other = users.get(key);
      if (other !== undefined) {
        const [a, b] = [other, one].map(
          ({ firmware }) => `version ${firmware.version} of "${firmware.firmwareType}"`,
        );
        throw new AppError('firmware-keys-collide', `${a} and ${b} both set the key "${key}".`);
      }
      users.set(key, one);
    }
  }
};

export const configurationOf = (all: readonly (HandedOut & { readonly token: string })[]): JsonObject =>
  Object.fromEntries(
    all.flatMap(({ firmware, type, token }) => [
      [type.versionKey, firmware.version],
      [type.urlKey, firmware.url],
      [type.tokenKey, token],
    ]),
  );

export const expectedStateOf = (all: readonly HandedOut[]): JsonObject =>
  Object.fromEntries(all.map(({ firmware, type }) => [type.versionKey, firmware.version]));
