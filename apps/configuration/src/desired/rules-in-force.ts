import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { EventStore } from '@muster/event-store';
import type { DeviceKind } from '@muster/known-devices';
import type pg from 'pg';
import { defaultsOf, typeConfiguration } from '../type-configuration/type-configuration.decider.js';
import { limitsOf, valueChecks } from '../type-configuration/type-rules.js';
import type { Limits } from './acceptable-values.js';
import type { Rules } from './desired-values.js';

/** Types whose compiled schemas are kept. */
const KEPT_TYPES = 200;

interface KeptType {
  readonly version: number;
  /** By app version and interface. */
  readonly rules: Map<string, Rules>;
  readonly rulesOf: (appVersion: string, by: DeviceInterface) => Rules;
}

/** Reads what device types say of their devices' configuration. Compiled schemas are kept per version of the type. */
export class RulesInForce {
  private readonly kept = new Map<string, KeptType>();

  constructor(
    private readonly store: EventStore,
    private readonly ceilings: Limits,
  ) {}

  /** In the order of `devices`. In a transaction that holds the defaults (`holdDefaults`), they stay in force until its end. */
  async of(tx: pg.PoolClient, devices: readonly DeviceKind[]): Promise<Rules[]> {
    const types = new Map(
      devices.map(({ tenantId, deviceTypeId: id }) => [`${tenantId}\n${id}`, { tenantId, id }]),
    );
    const loaded = await this.store.loadMany(typeConfiguration, [...types.values()], { within: tx });
    const byType = new Map(
      [...types.keys()].map((key, index) => {
        const { state = typeConfiguration.initial, version = 0 } = loaded[index] ?? {};
        const kept = this.kept.get(key);
        if (kept?.version === version) return [key, kept];
        const faultsOf = valueChecks(state);
        const limits = limitsOf(state, this.ceilings);
        const rules = new Map<string, Rules>();
        const rulesOf = (appVersion: string, by: DeviceInterface): Rules => ({
          limits,
          interface: by,
          faultsOf,
          defaults: defaultsOf(state, appVersion),
        });
        return [key, this.keep(key, { version, rules, rulesOf })];
      }),
    );
    return devices.map(({ tenantId, deviceTypeId, appVersion, interface: by }) => {
      const type = byType.get(`${tenantId}\n${deviceTypeId}`);
      if (type === undefined) throw new Error('the type of a device was not loaded');
      const key = `${appVersion}\n${by}`;
      const known = type.rules.get(key);
      if (known !== undefined) return known;
      const rules = type.rulesOf(appVersion, by);
      type.rules.set(key, rules);
      return rules;
    });
  }

  private keep(key: string, type: KeptType): KeptType {
    this.kept.delete(key);
    this.kept.set(key, type);
    const [oldest] = this.kept.keys();
    if (this.kept.size > KEPT_TYPES && oldest !== undefined) this.kept.delete(oldest);
    return type;
  }
}
