import { AppError, type FieldError, type JsonObject, type JsonValue } from '@muster/contracts';
import { sameJson } from '@muster/contracts/same-json';
import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { ValueOrigin } from '@muster/contracts/configuration/requests';
import { assertFitsTwin, assertWithinLimits, type Limits } from './acceptable-values.js';
import type { DesiredChanges } from '../device-configuration/device-configuration.events.js';
import { mergePatch } from './merge-patch.js';

/** A value in effect, and whose it is. */
export interface Effective {
  readonly value: JsonValue;
  readonly origin: ValueOrigin;
}

/** What the device's type and app version say. Read before a decision, and held until it is committed: see ADR 0009. */
export interface Rules {
  readonly limits: Limits;
  /** What is there on the device's side holds less than that. */
  readonly interface: DeviceInterface;
  /** By key, those in force for the device: of its app version, or else of its type. */
  readonly defaults: ReadonlyMap<string, Effective>;
  /** What is wrong with a device's own value of this key; paths begin with the key. Pure. */
  readonly faultsOf: (key: string, value: JsonValue) => readonly FieldError[];
}

type Values = ReadonlyMap<string, Effective>;

/** See `ChangeDesired` of the decider. */
export type DesiredMode = 'merge' | 'replace' | 'set';

/**
 * The values in effect after an operator's change. Only what it names is touched: null takes back the device's own value,
 * which lets its default in again; `replace` also takes back every own value that it does not name. Only `merge` looks at
 * the value that is there.
 */
export const changedDesired = (
  before: Values,
  mode: DesiredMode,
  desired: JsonObject,
  { defaults }: Rules,
): Values => {
  const after = new Map(before);
  const takeBack = (key: string): void => {
    if (before.get(key)?.origin !== 'device') return;
    const fallback = defaults.get(key);
    if (fallback === undefined) after.delete(key);
    else after.set(key, fallback);
  };
  const named = new Map(Object.entries(desired));
  if (mode === 'replace') {
    for (const key of before.keys()) if (!named.has(key)) takeBack(key);
  }
  for (const [key, patch] of named) {
    const current = mode === 'merge' ? before.get(key)?.value : undefined;
    if (patch === null) takeBack(key);
    else after.set(key, { value: mergePatch(current, patch), origin: 'device' });
  }
  return after;
};

/** The values in effect with the defaults that are in force now: own values stay, other defaults go. */
export const withDefaults = (before: Values, { defaults }: Pick<Rules, 'defaults'>): Values => {
  const after = new Map([...before].filter(([key, { origin }]) => origin === 'device' || defaults.has(key)));
  for (const [key, fallback] of defaults) {
    if (after.get(key)?.origin !== 'device') after.set(key, fallback);
  }
  return after;
};

export const differencesOf = (before: Values, after: Values): DesiredChanges => {
  const changes: [string, DesiredChanges[string]][] = [];
  for (const [key, to] of after) {
    const from = before.get(key);
    if (from === to || (from?.origin === to.origin && sameJson(from.value, to.value))) continue;
    // Two literals: adding to what was copied by `...` takes twenty times as long, for each device of a bulk.
    const { value, origin } = to;
    changes.push([key, from === undefined ? { to: value, origin } : { from: from.value, to: value, origin }]);
  }
  for (const [key, from] of before) if (!after.has(key)) changes.push([key, { from: from.value }]);
  return Object.fromEntries(changes);
};

/** Whether the document is another one, not only whose values it has. */
export const changesDocument = (changes: DesiredChanges): boolean =>
  Object.values(changes).some(({ from, to }) => !sameJson(from, to));

/**
 * Refuses what the rules do not allow: `invalid-configuration`, `configuration-too-large`. Only what is changed is looked
 * at: what a device had before a rule came stays until somebody touches it. `canonical` is that of the document.
 */
export const assertAllowed = (
  changes: DesiredChanges,
  document: JsonObject,
  canonical: string,
  rules: Rules,
): void => {
  const errors = Object.entries(changes).flatMap(([key, { to, origin }]) =>
    to === undefined || origin !== 'device' ? [] : rules.faultsOf(key, to),
  );
  if (errors.length > 0) {
    const told = errors.map(({ path, message }) => ({ path: `desired.${path}`, message }));
    throw new AppError('invalid-configuration', told.map((e) => `${e.path} ${e.message}`).join('; '), {
      errors: told,
    });
  }
  assertWithinLimits(document, rules.limits, 'desired', Object.keys(changes), canonical);
  if (rules.interface === 'iothub') assertFitsTwin(document, Object.keys(changes));
};
