import type { JsonObject, JsonValue } from '@muster/contracts';
import type { UndeclaredKeys } from '@muster/contracts/configuration/type-configuration.requests';

/** Limits of the type's own; an absent one is the service's. */
export interface OwnLimits {
  readonly documentBytes?: number;
  readonly valueBytes?: number;
  readonly keys?: number;
}

/** Only what changed. `keys`: key → its new schema, null where it is no longer declared. `limits`: all of them. */
export interface TypeRulesChanged {
  readonly type: 'TypeRulesChanged';
  readonly data: {
    readonly keys?: Readonly<Record<string, { readonly schema: JsonValue } | null>>;
    readonly undeclaredKeys?: UndeclaredKeys;
    readonly limits?: OwnLimits;
    readonly changedAt: string;
  };
}

/** Key → default before and after; an absent side means "none". `appVersion` null: the type's own. */
export interface TypeDefaultsChanged {
  readonly type: 'TypeDefaultsChanged';
  readonly data: {
    readonly appVersion: string | null;
    readonly changes: Readonly<Record<string, { readonly from?: JsonValue; readonly to?: JsonValue }>>;
    readonly changedAt: string;
  };
}

/** The device type was deleted. The last event of the stream. */
export interface TypeConfigurationEnded {
  readonly type: 'TypeConfigurationEnded';
  readonly data: { readonly endedAt: string };
}

export type TypeConfigurationEvent = TypeRulesChanged | TypeDefaultsChanged | TypeConfigurationEnded;

export type Defaults = Readonly<JsonObject>;
