import { AppError, isPassing, type JsonObject } from '@muster/contracts';
import type { Database, EventStore } from '@muster/event-store';
import type { DeviceId, DeviceKind, KnownDevices } from '@muster/known-devices';
import type { DesiredChanges } from '../desired/desired-changes.js';
import { withDefaults, type Rules } from '../desired/desired-values.js';
import type { RulesInForce } from '../desired/rules-in-force.js';
import { configIdOf } from './config-id.js';
import type { DeviceConfiguration } from './configuration-state.js';
import { deviceConfiguration } from './device-configuration.decider.js';
import { documentFrom, effectiveOf } from './documents.js';

/** What a device has as another app version. `configId` "": nothing, and nothing was ever configured. */
export interface OtherDocument {
  readonly configId: string;
  readonly config: JsonObject;
}

export interface AsVersion extends DeviceId {
  /** Name; absent: the one on record. */
  readonly appVersion?: string | null | undefined;
}

interface HeldAs {
  readonly state: DeviceConfiguration;
  /** undefined: the version is the one on record, or the device is not known. */
  readonly other: OtherDocument | undefined;
}

/**
 * Devices that use another app version than the one on record: by asking as it, which the registry takes for news, or by
 * subscribing as it, which changes nothing.
 */
export class OtherVersions {
  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly store: EventStore;
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
    const { devices, changes } = this.parts;
    const facts = await devices.askAgain({ tenantId, deviceId }).catch((error: unknown) => {
      if (error instanceof AppError && isPassing(error)) return undefined;
      throw error;
    });
    if (facts?.appVersion !== appVersion) return false;
    const wish = {
      deviceId,
      source: { kind: 'default', id: appVersion } as const,
      reofferRejectedBefore: new Date().toISOString(),
    };
    const [outcome] = await changes.changeVersions(tenantId, [facts], [wish]);
    // Of defaults that do not fit beside the device's own values the reactor tells.
    const { error } = outcome ?? {};
    if (error !== undefined && error.code !== 'configuration-too-large') throw error;
    return true;
  }

  /**
   * What devices hold as these versions; in the order of `devices`. Versions are read before states: who finds a version on
   * record then finds its defaults in the state, since both are committed at once.
   */
  async load(devices: readonly AsVersion[]): Promise<HeldAs[]> {
    const kinds = devices.some(isAsked) ? await this.parts.devices.kindsOf(devices) : [];
    const loaded = await this.parts.store.loadMany(
      deviceConfiguration,
      devices.map(({ tenantId, deviceId }) => ({ tenantId, id: deviceId })),
    );
    const held = loaded.map(({ state }): HeldAs => ({ state, other: undefined }));
    const others = devices.flatMap(({ appVersion }, index) => {
      const [kind, own] = [kinds[index], held[index]];
      if (kind === undefined || own === undefined || appVersion == null) return [];
      return kind.appVersion === appVersion ? [] : [{ index, own, kind: { ...kind, appVersion } }];
    });
    const rules = await this.rulesOf(others.map(({ kind }) => kind));
    others.forEach(({ index, own: { state } }, place) => {
      const own = rules[place];
      if (own === undefined) return;
      held[index] = { state, other: documentAs(state, withDefaults(effectiveOf(state), own)) };
    });
    return held;
  }

  private async rulesOf(kinds: readonly DeviceKind[]): Promise<Rules[]> {
    if (kinds.length === 0) return [];
    return this.parts.database.transaction((tx) => this.parts.rules.of(tx, kinds));
  }
}

const isAsked = ({ appVersion }: AsVersion): boolean => appVersion != null;

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
