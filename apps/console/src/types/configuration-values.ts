import { json } from '../shared/format.js';
import type { TypeConfiguration } from './types.queries.js';

type Defaults = TypeConfiguration['defaults'];

/** Of the type, or of one of its application versions. */
export const defaultsOf = (configuration: TypeConfiguration, version: string | undefined): Defaults =>
  version === undefined ? configuration.defaults : (configuration.appVersions[version]?.defaults ?? {});

/** Everything that is declared, and everything that has a default there, in order. */
export const keysOf = (configuration: TypeConfiguration, version: string | undefined): readonly string[] =>
  [
    ...new Set([
      ...Object.keys(configuration.keys),
      ...Object.keys(configuration.defaults),
      ...Object.keys(defaultsOf(configuration, version)),
    ]),
  ].sort();

/** Name → value, as a conflict shows them. */
export const namedConfiguration = (configuration: TypeConfiguration): Readonly<Record<string, string>> => ({
  ...named(Object.entries(configuration.keys).map(([key, { schema }]) => [schemaName(key), schema] as const)),
  [UNDECLARED]: configuration.undeclaredKeys,
  ...named(Object.entries(configuration.limits).map(([name, value]) => [limitName(name), value] as const)),
  ...named(
    Object.entries(configuration.defaults).map(
      ([key, value]) => [defaultName(key, undefined), value] as const,
    ),
  ),
  ...named(
    Object.entries(configuration.appVersions).flatMap(([version, { defaults }]) =>
      Object.entries(defaults).map(([key, value]) => [defaultName(key, version), value] as const),
    ),
  ),
});

export const UNDECLARED = 'keys that are not declared';
export const schemaName = (key: string): string => `${key}: schema`;
export const limitName = (limit: string): string => `limit ${limit}`;
export const defaultName = (key: string, version: string | undefined): string =>
  version === undefined ? `${key}: default` : `${key}: default of ${version}`;

/** Of a name of above: the key whose values it names; undefined: it names something else. */
export const keyOfDefault = (name: string): string | undefined =>
  /^(.*): default(?: of .*)?$/.exec(name)?.[1];

const named = (entries: readonly (readonly [string, unknown])[]): Readonly<Record<string, string>> =>
  Object.fromEntries(entries.map(([name, value]) => [name, json(value)]));

/** What is in force, with what was typed in its place; undefined: it is taken away. */
export const withMine = (
  was: Readonly<Record<string, string>>,
  mine: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries({ ...was, ...mine }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
