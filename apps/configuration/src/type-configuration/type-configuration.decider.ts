import { AppError, type FieldError, type JsonObject, type JsonValue } from '@muster/contracts';
import { sameJson } from '@muster/contracts/same-json';
import type {
  TypeConfigurationEdit,
  UndeclaredKeys,
} from '@muster/contracts/configuration/type-configuration.requests';
import { assertAcceptable, assertWithinLimits, type Limits } from '../desired/acceptable-values.js';
import { sizeOf } from '../device-configuration/config-id.js';
import type { Effective } from '../desired/desired-values.js';
import { mergePatch } from '../desired/merge-patch.js';
import type { OwnLimits, TypeConfigurationEvent } from './type-configuration.events.js';

/** Survives JSON: it is stored beside the stream. */
export interface TypeConfiguration {
  /** True: the device type was deleted. */
  readonly ended: boolean;
  /** Version of the stream. */
  readonly version: number;
  readonly keys: Readonly<Record<string, { readonly schema: JsonValue }>>;
  readonly undeclaredKeys: UndeclaredKeys;
  readonly limits: OwnLimits;
  readonly defaults: JsonObject;
  /** By name; only those that have some. */
  readonly appVersions: Readonly<Record<string, { readonly defaults: JsonObject }>>;
}

export type TypeRules = Pick<TypeConfiguration, 'keys' | 'undeclaredKeys' | 'limits'>;

export const initial: TypeConfiguration = {
  ended: false,
  version: 0,
  keys: {},
  undeclaredKeys: 'allowed',
  limits: {},
  defaults: {},
  appVersions: {},
};

/** What is wrong with a value of this key; paths begin with the key. */
export type ValueCheck = (key: string, value: JsonValue) => readonly FieldError[];

interface Change {
  readonly expectedVersion?: number;
  /** The service's own limits, which no type may go above. */
  readonly ceilings: Limits;
  /** Makes the check of values from the rules of a type. Pure. */
  readonly checkOf: (rules: TypeRules) => ValueCheck;
  readonly at: string;
}

/** Schemas are known to be good: whoever makes the command has refused bad ones. */
export interface EditRules extends Change {
  readonly type: 'EditRules';
  readonly edit: TypeConfigurationEdit;
}

export interface ChangeTypeDefaults extends Change {
  readonly type: 'ChangeTypeDefaults';
  /** null: the type's own. */
  readonly appVersion: string | null;
  readonly mode: 'merge' | 'replace';
  readonly defaults: JsonObject;
}

export interface EndTypeConfiguration {
  readonly type: 'EndTypeConfiguration';
  readonly at: string;
}

export type TypeConfigurationCommand = EditRules | ChangeTypeDefaults | EndTypeConfiguration;

/** With the rules and defaults of all app versions it is read for every change of a device, and sent as one message. */
export const MAX_BYTES = 262_144;

/**
 * No events when the command is already satisfied, whatever version it expected of those that have been. Throws `device-type-not-found` (deleted),
 * `invalid-configuration`, `configuration-too-large`, `version-mismatch`.
 */
export const decide = (
  command: TypeConfigurationCommand,
  state: TypeConfiguration,
): readonly TypeConfigurationEvent[] => {
  if (command.type === 'EndTypeConfiguration') {
    return state.ended ? [] : [{ type: 'TypeConfigurationEnded', data: { endedAt: command.at } }];
  }
  if (state.ended) throw new AppError('device-type-not-found', 'There is no such device type.');
  const event = command.type === 'EditRules' ? editRules(command, state) : changeDefaults(command, state);
  const { expectedVersion = state.version } = command;
  // Satisfied whatever it expected, since a repetition looks so; but nobody can have read a version that has never been.
  if (event === undefined && expectedVersion <= state.version) return [];
  if (expectedVersion !== state.version) {
    throw new AppError(
      'version-mismatch',
      `The configuration of the device type is at version ${state.version}, not ${expectedVersion}.`,
    );
  }
  if (event === undefined) return [];
  const after = evolve(state, event);
  assertConsistent(after, command);
  return [event];
};

const editRules = ({ edit, at }: EditRules, state: TypeConfiguration): TypeConfigurationEvent | undefined => {
  const declared = new Map(Object.entries(state.keys));
  const keys = Object.entries(edit.keys ?? {}).filter(([key, wanted]) => {
    const before = declared.get(key);
    return wanted === null ? before !== undefined : !sameJson(wanted.schema, before?.schema);
  });
  const undeclaredKeys = edit.undeclaredKeys === null ? initial.undeclaredKeys : edit.undeclaredKeys;
  const limits = edit.limits === undefined ? undefined : limitsAfter(state.limits, edit.limits);
  const changed = {
    ...(keys.length === 0 ? {} : { keys: Object.fromEntries(keys) }),
    ...(undeclaredKeys === undefined || undeclaredKeys === state.undeclaredKeys ? {} : { undeclaredKeys }),
    ...(limits === undefined || sameJson({ ...limits }, { ...state.limits }) ? {} : { limits }),
  };
  if (Object.keys(changed).length === 0) return undefined;
  return { type: 'TypeRulesChanged', data: { ...changed, changedAt: at } };
};

const limitsAfter = (
  before: OwnLimits,
  edit: NonNullable<TypeConfigurationEdit['limits']> | null,
): OwnLimits => (edit === null ? {} : (mergePatch({ ...before }, { ...edit }) as OwnLimits)); // numbers, or removed

const changeDefaults = (
  { appVersion, mode, defaults, at }: ChangeTypeDefaults,
  state: TypeConfiguration,
): TypeConfigurationEvent | undefined => {
  assertAcceptable(defaults, 'defaults');
  const before = new Map(Object.entries(ownDefaults(state, appVersion)));
  const after = new Map(
    Object.entries(mergePatch(mode === 'merge' ? Object.fromEntries(before) : {}, defaults) as JsonObject), // of objects
  );
  const changes = [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
    const [from, to] = [before.get(key), after.get(key)];
    if (sameJson(from, to)) return [];
    return [[key, { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }]];
  });
  if (changes.length === 0) return undefined;
  return {
    type: 'TypeDefaultsChanged',
    data: { appVersion, changes: Object.fromEntries(changes) as Record<string, object>, changedAt: at },
  };
};

/** What would be stored must keep the rules it states: limits under the service's, every default by schema and limit. */
const assertConsistent = (after: TypeConfiguration, { ceilings, checkOf }: Change): void => {
  const limits = { ...ceilings, ...after.limits };
  const errors: FieldError[] = Object.entries(after.limits).flatMap(([name, value]) => {
    const most = ceilings[name as keyof Limits]; // limits have these names alone
    return value > most ? [{ path: `limits.${name}`, message: `must not be above ${most}` }] : [];
  });
  const check = checkOf(after);
  for (const [path, defaults] of allDefaults(after)) {
    for (const [key, value] of Object.entries(defaults)) {
      errors.push(...check(key, value).map((fault) => ({ ...fault, path: `${path}.${fault.path}` })));
    }
  }
  if (errors.length > 0) {
    throw new AppError('invalid-configuration', errors.map((e) => `${e.path} ${e.message}`).join('; '), {
      errors,
    });
  }
  for (const [path, own] of allDefaults(after)) {
    // What a device without values of its own gets: the two levels together.
    assertWithinLimits({ ...after.defaults, ...own }, limits, path, Object.keys(own));
  }
  const bytes = sizeOf({
    keys: after.keys,
    defaults: after.defaults,
    appVersions: after.appVersions,
  }); // JSON
  if (bytes > MAX_BYTES) {
    throw new AppError(
      'configuration-too-large',
      `Schemas and defaults of the device type would be ${bytes} bytes; at most ${MAX_BYTES} are allowed.`,
    );
  }
};

const allDefaults = (
  state: TypeConfiguration,
): (readonly [path: `${string}defaults`, defaults: JsonObject])[] => [
  ['defaults', state.defaults],
  ...Object.entries(state.appVersions).map(
    ([name, { defaults }]) => [`appVersions.${name}.defaults`, defaults] as const,
  ),
];

const ownDefaults = (state: TypeConfiguration, appVersion: string | null): JsonObject =>
  appVersion === null
    ? state.defaults
    : (new Map(Object.entries(state.appVersions)).get(appVersion)?.defaults ?? {});

/** The defaults in force for devices of this app version, by key: the version's own, or else the type's. */
export const defaultsOf = (state: TypeConfiguration, appVersion: string): ReadonlyMap<string, Effective> => {
  if (state.ended) return new Map();
  const result = new Map<string, Effective>();
  for (const [key, value] of Object.entries(state.defaults))
    result.set(key, { value, origin: 'device-type' });
  for (const [key, value] of Object.entries(ownDefaults(state, appVersion))) {
    result.set(key, { value, origin: 'app-version' });
  }
  return result;
};

export const evolve = (before: TypeConfiguration, event: TypeConfigurationEvent): TypeConfiguration => {
  const state = { ...before, version: before.version + 1 };
  switch (event.type) {
    case 'TypeRulesChanged': {
      const { keys = {}, undeclaredKeys = state.undeclaredKeys, limits = state.limits } = event.data;
      const declared = new Map(Object.entries(state.keys));
      for (const [key, rule] of Object.entries(keys)) {
        if (rule === null) declared.delete(key);
        else declared.set(key, rule);
      }
      return { ...state, keys: Object.fromEntries(declared), undeclaredKeys, limits };
    }
    case 'TypeDefaultsChanged': {
      const { appVersion, changes } = event.data;
      const values = new Map(Object.entries(ownDefaults(state, appVersion)));
      for (const [key, { to }] of Object.entries(changes)) {
        if (to === undefined) values.delete(key);
        else values.set(key, to);
      }
      const defaults = Object.fromEntries(values);
      if (appVersion === null) return { ...state, defaults };
      const appVersions = new Map(Object.entries(state.appVersions));
      if (values.size === 0) appVersions.delete(appVersion);
      else appVersions.set(appVersion, { defaults });
      return { ...state, appVersions: Object.fromEntries(appVersions) };
    }
    case 'TypeConfigurationEnded':
      return { ...state, ended: true };
  }
};

/** The stream `type-configuration-<deviceTypeId>`. */
export const typeConfiguration = { name: 'type-configuration', initial, evolve, decide } as const;
