import type { Actor, JsonValue } from '@muster/contracts';
import type { ValueOrigin } from '@muster/contracts/configuration/requests';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { StoredEvent } from '@muster/event-store';
import { configIdOf } from './config-id.js';

/** Key → value before and after; an absent side means "no value". */
export type StoredChanges = Readonly<Record<string, { readonly from?: JsonValue; readonly to?: JsonValue }>>;

/**
 * Key → value in effect before and after; an absent side means "no value". `origin` is that of `to`: the device's own value,
 * or whose default. Where `from` and `to` are equal, the origin alone changed.
 */
export type DesiredChanges = Readonly<
  Record<
    string,
    { readonly from?: JsonValue; readonly to?: JsonValue; readonly origin?: ValueOrigin } // origin: with `to`
  >
>;

/** The effective document changed, or whose values it has. `configId` is the document's after it. Version 2: origins. */
export interface DesiredConfigurationChanged {
  readonly type: 'DesiredConfigurationChanged';
  readonly schemaVersion: 2;
  readonly data: {
    readonly changes: DesiredChanges;
    readonly configId: string;
    readonly source: Actor;
    readonly reason?: string;
    readonly changedAt: string;
  };
}

/** Somebody wants the current document offered again, as if the device had neither been sent nor refused it. */
export interface ConfigurationReoffered {
  readonly type: 'ConfigurationReoffered';
  readonly data: {
    readonly configId: string;
    readonly source: Actor;
    readonly reason?: string;
    readonly reofferedAt: string;
  };
}

/** An adapter put the document on the wire, or the device fetched it. */
export interface ConfigurationDispatched {
  readonly type: 'ConfigurationDispatched';
  readonly data: {
    readonly configId: string;
    readonly interface: DeviceInterface;
    /** False: the broker had nobody to give it to. */
    readonly subscriber: boolean;
    readonly dispatchedAt: string;
  };
}

/** The device confirmed `configId`, which need not be the current document. */
export interface ConfigurationApplied {
  readonly type: 'ConfigurationApplied';
  readonly data: {
    readonly configId: string;
    readonly interface: DeviceInterface;
    /** It did not say so, it asked for the configuration naming this id. */
    readonly implicit: boolean;
    readonly appliedAt: string;
  };
}

/** The device refused `configId`, which need not be the current document. */
export interface ConfigurationRejected {
  readonly type: 'ConfigurationRejected';
  readonly data: {
    readonly configId: string;
    readonly interface: DeviceInterface;
    readonly statusCode: number;
    readonly reasonPhrase?: string;
    readonly rejectedAt: string;
  };
}

/**
 * What is known of the device's own values: it applied a document, or `stated` them itself. A key whose `from` and `to` are
 * equal was stated again after a document was sent. `configId` is of the document that was current then. Version 2: `stated`.
 */
export interface StateReported {
  readonly type: 'StateReported';
  readonly schemaVersion: 2;
  readonly data: {
    readonly changes: StoredChanges;
    /** Null: of a time when this was not recorded. */
    readonly stated: boolean | null;
    readonly configId: string;
    readonly interface: DeviceInterface;
    readonly reportedAt: string;
  };
}

/** The device asked to be sent changes, or not to be. */
export interface ObservationChanged {
  readonly type: 'ObservationChanged';
  readonly data: {
    readonly observe: boolean;
    readonly interface: DeviceInterface;
    readonly changedAt: string;
  };
}

/** The device was deleted. The last event of the stream. */
export interface ConfigurationEnded {
  readonly type: 'ConfigurationEnded';
  readonly data: { readonly endedAt: string };
}

export type ConfigurationEvent =
  | DesiredConfigurationChanged
  | ConfigurationReoffered
  | ConfigurationDispatched
  | ConfigurationApplied
  | ConfigurationRejected
  | StateReported
  | ObservationChanged
  | ConfigurationEnded;

/**
 * Version 1 of a report: nobody wrote down whether the device had stated it. Version 1 of a change: before there were defaults, every value was a device's own. Version 2 and older, and confirmations
 * of that time, name the document without keys "", as if there were none.
 */
export const upcast = (stored: StoredEvent): ConfigurationEvent => {
  const event = stored as ConfigurationEvent; // the newest shape, but for what follows
  if (event.type === 'StateReported')
    return stored.schemaVersion > 1
      ? event
      : { ...event, schemaVersion: 2, data: { ...event.data, stated: null } };
  if (event.type !== 'DesiredConfigurationChanged' && event.type !== 'ConfigurationApplied') return event;
  if (event.data.configId === '')
    return upcast({ ...stored, data: { ...event.data, configId: configIdOf({}) } });
  if (event.type === 'ConfigurationApplied' || stored.schemaVersion > 1) return event;
  const { changes, ...data } = event.data;
  return {
    type: event.type,
    schemaVersion: 2,
    data: {
      ...data,
      changes: Object.fromEntries(
        Object.entries(changes).map(([key, sides]) => [
          key,
          sides.to === undefined ? sides : { ...sides, origin: 'device' },
        ]),
      ),
    },
  };
};
