import { AppError, isPassing, type JsonObject } from '@muster/contracts';
import type { Database } from '@muster/event-store';
import type { DeviceId, KnownDevices } from '@muster/known-devices';
import type { DesiredChanges } from '../desired/desired-changes.js';
import { withDefaults } from '../desired/desired-values.js';
import type { RulesInForce } from '../desired/rules-in-force.js';
import { changeDefaultsAlone } from '../type-configuration/defaults-lock.js';
import { configIdOf } from './config-id.js';
import type { DeviceConfiguration } from './configuration-state.js';
import { documentFrom, effectiveOf } from './documents.js';

/** What a device has as another app version. `configId` "": nothing, and nothing was ever configured. */
export interface OtherDocument {
  readonly configId: string;
  readonly config: JsonObject;
}

export interface AsVersion extends DeviceId {
  /** Name; undefined: the one on record. */
  readonly appVersion: string | undefined;
}

/**
 * Devices that use another app version than the one on record: by asking as it, which the registry takes for news, or by
 * subscribing as it, which changes nothing.
 */
export class OtherVersions {
  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly devices: KnownDevices;
      readonly rules: RulesInForce;
      readonly changes: DesiredChanges;
    },
  ) {}

  /**
   * Makes the version that the registry has now the one on record, with its defaults: what its event will do as well, in a
   * moment, when the device has its answer. True: it is `appVersion`. False: it is not, or the registry is away. Throws
   * `device-not-found`.
   */
  async catchUp({ tenantId, deviceId }: DeviceId, appVersion: string): Promise<boolean> {
    const { database, devices, changes } = this.parts;
    const facts = await devices.askAgain({ tenantId, deviceId }).catch((error: unknown) => {
      if (error instanceof AppError && isPassing(error)) return undefined;
      throw error;
    });
    if (facts?.appVersion !== appVersion) return false;
    const at = new Date().toISOString();
    await database.transaction(async (tx) => {
      await changeDefaultsAlone(tx, tenantId);
      await devices.remember([facts], tx);
    });
    const wish = {
      deviceId,
      source: { kind: 'default', id: appVersion } as const,
      reofferRejectedBefore: at,
    };
    const [outcome] = await database.transaction((tx) => changes.applyDefaults(tx, tenantId, [wish]));
    // Of defaults that do not fit beside the device's own values the reactor tells.
    const { error } = outcome ?? {};
    if (error !== undefined && error.code !== 'configuration-too-large') throw error;
    return true;
  }

  /** In the order of `devices`; undefined: the version is the one on record, or the device is not known. */
  async documentsOf(
    devices: readonly AsVersion[],
    states: readonly (DeviceConfiguration | undefined)[],
  ): Promise<(OtherDocument | undefined)[]> {
    const none = devices.map(() => undefined);
    if (devices.every(({ appVersion }) => appVersion === undefined)) return none;
    const kinds = await this.parts.devices.kindsOf(devices);
    const others = devices.flatMap(({ appVersion }, index) => {
      const [kind, state] = [kinds[index], states[index]];
      if (kind === undefined || state === undefined || appVersion === undefined) return [];
      return kind.appVersion === appVersion ? [] : [{ index, state, kind: { ...kind, appVersion } }];
    });
    if (others.length === 0) return none;
    const rules = await this.parts.database.transaction((tx) =>
      this.parts.rules.of(
        tx,
        others.map(({ kind }) => kind),
      ),
    );
    const documents: (OtherDocument | undefined)[] = none;
    others.forEach(({ index, state }, place) => {
      const own = rules[place];
      if (own !== undefined) documents[index] = documentAs(state, withDefaults(effectiveOf(state), own));
    });
    return documents;
  }
}

const documentAs = (state: DeviceConfiguration, values: ReturnType<typeof withDefaults>): OtherDocument => {
  const config = documentFrom(values);
  return { configId: state.configId === '' && values.size === 0 ? '' : configIdOf(config), config };
};

/** Whether a device should be sent the document it has as another version. It may have answered it as such. */
export const isOtherDue = (
  { configId }: OtherDocument,
  { ended, observe, confirmation, strayReport }: DeviceConfiguration,
): boolean =>
  !ended &&
  configId !== '' &&
  observe !== false &&
  confirmation?.configId !== configId &&
  strayReport?.configId !== configId;
