import { AsyncLocalStorage } from 'node:async_hooks';
import { AppError, type Actor, type JsonObject } from '@muster/contracts';
import type { DesiredOutcome } from '@muster/contracts/configuration/campaign.requests';
import type { BulkItem, BulkOutcome, Database, EventStore } from '@muster/event-store';
import type { DeviceChange, DeviceId, DeviceKind, KnownDevices } from '@muster/known-devices';
import { currentDeadline } from '@muster/messaging';
import { currentTrace } from '@muster/observability';
import type pg from 'pg';
import { changeDefaultsAlone, holdDefaults } from '../type-configuration/defaults-lock.js';
import { coalesce } from './coalesce.js';
import type { DesiredMode, Rules } from './desired-values.js';
import type { DeviceConfiguration } from '../device-configuration/configuration-state.js';
import {
  deviceConfiguration,
  type ConfigurationCommand,
} from '../device-configuration/device-configuration.decider.js';
import type { ConfigurationEvent } from '../device-configuration/device-configuration.events.js';
import { isDueAfterChange } from '../device-configuration/sync-state.js';
import type { RulesInForce } from './rules-in-force.js';

export interface DesiredChange extends DeviceId {
  readonly mode: DesiredMode;
  readonly desired: JsonObject;
  readonly expectedVersion?: number | undefined;
  /** See `ChangeDesired` of the decider. */
  readonly unlessChangedSince?: string | undefined;
  readonly overruled?: readonly Actor[] | undefined;
  readonly onlyWhereBy?: Actor | undefined;
  readonly source: Actor;
  readonly reason?: string | undefined;
}

export interface ManyDesiredChanges extends Omit<DesiredChange, 'deviceId' | 'expectedVersion'> {
  readonly deviceIds: readonly string[];
  /** In place of `desired`: of each device, in their order. */
  readonly desiredOf?: readonly JsonObject[] | undefined;
  /** Whether the outcomes tell what the devices had before. */
  readonly tellPrevious?: boolean | undefined;
}

/** A device that should have the defaults in force. */
export interface DefaultsWish {
  readonly deviceId: string;
  readonly source: Actor;
  /** Offer its document again if the device rejected it before this time. */
  readonly reofferRejectedBefore?: string;
}

/** What a device's rules turn into a command. */
interface Wish extends DeviceId {
  readonly commandWith: (rules: Rules) => ConfigurationCommand;
  readonly actor: Actor;
  readonly traceparent?: string | undefined;
  readonly deadline?: number | undefined;
}

type Outcome = BulkOutcome<DeviceConfiguration, ConfigurationEvent>;
type Settled = Outcome | { readonly bug: unknown };
type TracedChange = DesiredChange & {
  readonly traceparent?: string | undefined;
  /** Unix milliseconds at which its caller stops waiting. */
  readonly deadline?: number | undefined;
};

/** Changes in one transaction: a bulk is as large, and more callers at the same time wait for the next. */
const MOST = 500;
/**
 * While one is under way the next is gathered. With two at a time each is half as large, and every statement of it, and of all
 * who follow its events, costs the database as much again.
 */
const AT_ONCE = 1;
const TRIES = 3;
/** A device that is not known well enough is asked for once; what is missing then is missing in the registry. */
const UNKNOWN = new AppError('device-not-found', 'No such device.');
const LATE = new AppError('deadline-exceeded', 'Others were changing too much to do it in time.');

/**
 * Every change of desired values goes through here, single ones of callers at the same time together: the defaults are
 * held, the devices' kinds and rules are read, their streams are locked, decided and appended, in one transaction.
 */
export class DesiredChanges {
  /** A tenant's changes wait for its own defaults: they must not keep those of others waiting. */
  private readonly tenants = new Map<string, (change: TracedChange) => Promise<Settled>>();
  private readonly outside = AsyncLocalStorage.snapshot();

  constructor(
    private readonly parts: {
      readonly database: Database;
      readonly store: EventStore;
      readonly devices: KnownDevices;
      readonly rules: RulesInForce;
    },
  ) {}

  /** One device. Returns its state after the change; throws what `decide` throws, or `device-not-found`. */
  async change(change: DesiredChange): Promise<DeviceConfiguration> {
    const traced = { ...change, traceparent: currentTrace()?.traceparent, deadline: currentDeadline() };
    let outcome = await this.coalesced(traced);
    if ('error' in outcome && outcome.error === UNKNOWN) {
      const [fault] = await this.parts.devices.learnKinds([change]);
      if (fault !== undefined) throw fault;
      outcome = await this.coalesced(traced);
    }
    if ('bug' in outcome) throw outcome.bug;
    if (outcome.error !== undefined) throw outcome.error;
    return outcome.state;
  }

  /**
   * The same change of many devices, distinct ones, within `tx`; one outcome each, in order. Call `prepare` before that
   * transaction: a device that is not known here is not found.
   */
  async changeMany(tx: pg.PoolClient, request: ManyDesiredChanges): Promise<DesiredOutcome[]> {
    const { tenantId, deviceIds, desiredOf, tellPrevious, ...change } = request;
    const wanted = deviceIds.map((_id, index) => desiredOf?.[index] ?? change.desired);
    const outcomes = await this.decide(
      tx,
      tenantId,
      deviceIds.map((deviceId, index) =>
        wishOf({ tenantId, deviceId, ...change, desired: wanted[index] ?? {} }),
      ),
    );
    return outcomes.map((outcome, index) => {
      const deviceId = deviceIds[index] ?? '';
      return outcome.error === undefined
        ? {
            deviceId,
            changed: outcome.events.length > 0,
            version: outcome.state.version,
            configId: outcome.state.configId,
            ...(isDueAfterChange(outcome.state) ? { due: true } : {}),
            ...(tellPrevious === true ? { previous: ownValuesOf(outcome.before, wanted[index] ?? {}) } : {}),
          }
        : { deviceId, code: outcome.error.code, detail: outcome.error.detail };
    });
  }

  /** Asks the registry for devices that are not known here. Throws what kept it from answering. */
  async prepare(tenantId: string, deviceIds: readonly string[]): Promise<void> {
    const faults = await this.parts.devices.learnKinds(deviceIds.map((deviceId) => ({ tenantId, deviceId })));
    const away = faults.find((fault) => fault !== undefined && fault.code !== 'device-not-found');
    if (away !== undefined) throw away;
  }

  /**
   * Puts the defaults in force into effect, where devices have no value of their own. Needs `prepare` like `changeMany`;
   * one outcome per wish, in order.
   */
  async applyDefaults(
    tx: pg.PoolClient,
    tenantId: string,
    wishes: readonly DefaultsWish[],
  ): Promise<Outcome[]> {
    const at = now();
    const outcomes = await this.decide(
      tx,
      tenantId,
      wishes.map(({ deviceId, source }) => ({
        tenantId,
        deviceId,
        actor: source,
        commandWith: (rules) => ({ type: 'ApplyDefaults', source, rules, at }),
      })),
    );
    const again = wishes.flatMap(({ deviceId: id, source, reofferRejectedBefore: rejectedBefore }, index) =>
      rejectedBefore === undefined || outcomes[index]?.error !== undefined
        ? []
        : [
            {
              tenantId,
              id,
              command: { type: 'Reoffer' as const, rejectedBefore, source, at },
              metadata: { actor: source },
            },
          ],
    );
    const offered = await this.parts.store.executeMany(deviceConfiguration, again, { within: tx });
    for (const { error } of offered) if (error !== undefined) throw error;
    return outcomes;
  }

  /**
   * Puts other app versions of devices on record, and the defaults of these versions into effect, at once: who finds the
   * version there finds its defaults. One outcome per wish, in order. Idempotent.
   */
  async changeVersions(
    tenantId: string,
    versions: readonly DeviceChange[],
    wishes: readonly DefaultsWish[],
  ): Promise<Outcome[]> {
    await this.prepare(
      tenantId,
      wishes.map(({ deviceId }) => deviceId),
    );
    return this.parts.database.transaction(async (tx) => {
      // Alone: whoever decided with the defaults of the old version has committed before those of the new one are applied.
      await changeDefaultsAlone(tx, tenantId);
      await this.parts.devices.remember(versions, tx);
      return this.applyDefaults(tx, tenantId, wishes);
    });
  }

  private coalesced(change: TracedChange): Promise<Settled> {
    let own = this.tenants.get(change.tenantId);
    if (own === undefined) {
      // Outside of the request that happens to be the first: see `coalesce`.
      own = this.outside(() =>
        coalesce((changes: readonly TracedChange[]) => this.transaction(changes), {
          most: MOST,
          atOnce: AT_ONCE,
        }),
      );
      this.tenants.set(change.tenantId, own);
    }
    return own(change);
  }

  /** Of one tenant. A bug in the decision of one change must not become everybody's: each is then tried alone. */
  private async transaction(changes: readonly TracedChange[]): Promise<Settled[]> {
    const tenantId = changes[0]?.tenantId ?? '';
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.parts.database.transaction((tx) =>
          this.decide(tx, tenantId, changes.map(wishOf), 'give-up'),
        );
      } catch (error) {
        if (error instanceof AppError) {
          if (error.code === 'concurrent-change' && tries < TRIES) continue;
          return changes.map(() => ({ error }));
        }
        if (changes.length === 1) return [{ bug: error }];
        const alone: Settled[] = [];
        for (const change of changes) alone.push(...(await this.transaction([change])));
        return alone;
      }
    }
  }

  private async decide(
    tx: pg.PoolClient,
    tenantId: string,
    wishes: readonly Wish[],
    onConflict: 'try-again' | 'give-up' = 'try-again',
  ): Promise<Outcome[]> {
    const { store, devices, rules } = this.parts;
    const [, kinds] = await Promise.all([holdDefaults(tx, tenantId), devices.kindsOf(wishes, tx)]);
    // That may have taken long. Whoever was told so may have changed something else since: this would undo it.
    const began = Date.now();
    const isLate = ({ deadline }: Wish): boolean => deadline !== undefined && deadline <= began;
    const known = wishes.flatMap((wish, index) => {
      const kind = kinds[index];
      return kind === undefined || isLate(wish) ? [] : [{ wish, kind, index }];
    });
    const inForce = await rules.of(
      tx,
      known.map(({ kind }): DeviceKind => kind),
    );
    const items = known.map(
      ({ wish, index }, place): { index: number; item: BulkItem<ConfigurationCommand> } => {
        const own = inForce[place];
        if (own === undefined) throw new Error('a device has no rules');
        const { actor, deviceId: id, traceparent } = wish;
        const metadata = { actor, ...(traceparent === undefined ? {} : { traceparent }) };
        return { index, item: { tenantId, id, command: wish.commandWith(own), metadata } };
      },
    );
    const executed = await store.executeMany(
      deviceConfiguration,
      items.map(({ item }) => item),
      { within: tx, onConflict },
    );
    const outcomes = wishes.map((wish): Outcome => ({ error: isLate(wish) ? LATE : UNKNOWN }));
    items.forEach(({ index }, place) => {
      const outcome = executed[place];
      if (outcome !== undefined) outcomes[index] = outcome;
    });
    return outcomes;
  }
}

const wishOf = ({ mode, desired, source, reason, expectedVersion, ...rest }: TracedChange): Wish => {
  const { unlessChangedSince, overruled, onlyWhereBy } = rest;
  const at = now();
  return {
    tenantId: rest.tenantId,
    deviceId: rest.deviceId,
    traceparent: rest.traceparent,
    deadline: rest.deadline,
    actor: source,
    commandWith: (rules) => ({
      type: 'ChangeDesired',
      mode,
      desired,
      source,
      rules,
      at,
      ...(expectedVersion === undefined ? {} : { expectedVersion }),
      ...(unlessChangedSince === undefined ? {} : { unlessChangedSince }),
      ...(overruled === undefined ? {} : { overruled }),
      ...(onlyWhereBy === undefined ? {} : { onlyWhereBy }),
      ...(reason === undefined ? {} : { reason }),
    }),
  };
};

const ownValuesOf = ({ desired }: DeviceConfiguration, wanted: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.keys(wanted).map((key) => {
      const entry = Object.hasOwn(desired, key) ? desired[key] : undefined;
      return [key, entry?.origin === 'device' ? entry.value : null];
    }),
  );

const now = (): string => new Date().toISOString();
