import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

/** One configuration key. `fallback` undefined and not `optional`: the key must be set. */
export interface ConfigKey<T> {
  readonly env: string;
  readonly doc: string;
  readonly unit: string;
  readonly fallback: T | undefined;
  readonly optional: boolean;
  /** What the chart lets a value be, as JSON Schema; nothing where that cannot say it. `parse` has the last word. */
  readonly rule: Readonly<Record<string, unknown>>;
  /** Throws with the rule that is broken, without the value. */
  readonly parse: (text: string) => T;
}

interface Declared<T> {
  readonly env: string;
  /** One line for the README. */
  readonly doc: string;
  readonly unit?: string;
  readonly default?: T;
}

/** With `optional: true` the value is undefined when the key is not set. */
interface OptionalDeclared<T> extends Omit<Declared<T>, 'default'> {
  readonly optional: true;
}

// Declared by hand, not inferred: a `string | undefined` must be in the type only where a key is optional.
type KeyMaker<T, Extra = object> = {
  (declared: OptionalDeclared<T> & Extra): ConfigKey<T | undefined>;
  (declared: Declared<T> & Extra): ConfigKey<T>;
};

const maker =
  <T, Extra>(
    unit: (extra: Extra) => string,
    parser: (extra: Extra) => (text: string) => T,
    rule: (extra: Extra) => ConfigKey<T>['rule'] = () => ({}),
  ) =>
  (declared: (Declared<T> | OptionalDeclared<T>) & Extra): ConfigKey<T> => ({
    env: declared.env,
    doc: declared.doc,
    unit: declared.unit ?? unit(declared),
    fallback: 'default' in declared ? declared.default : undefined,
    optional: 'optional' in declared,
    rule: rule(declared),
    parse: parser(declared),
  });

/** A whole number. */
export const int: KeyMaker<number, { readonly min?: number; readonly max?: number }> = maker(
  () => 'number',
  ({ min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number }) =>
    (text) => {
      const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= min && value <= max)) throw new Error(`must be a whole number from ${min} to ${max}`);
      return value;
    },
  ({ min, max }) => ({
    type: ['integer', 'string'],
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
    pattern: '^(-?[0-9]{1,16})?$',
  }),
);

export const string: KeyMaker<string, { readonly pattern?: RegExp }> = maker(
  () => 'text',
  ({ pattern }: { pattern?: RegExp }) =>
    (text) => {
      if (pattern !== undefined && !pattern.test(text)) throw new Error(`must match ${pattern.source}`);
      return text;
    },
);

/** Addresses and networks, with commas between: `192.0.2.7,10.42.0.0/16`. */
export const networks: KeyMaker<string> = maker(
  () => 'addresses and networks',
  () => (text) => {
    if (!text.split(',').every((one) => isNetwork(one.trim())))
      throw new Error(
        'must be addresses and networks (192.0.2.7, 10.42.0.0/16, fd00::/8) with commas between',
      );
    return text;
  },
);

const isNetwork = (text: string): boolean => {
  const [, address = '', bits = '0'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(bits) <= (version === 4 ? 32 : 128);
};

export const boolean: KeyMaker<boolean> = maker(
  () => 'true or false',
  () => (text) => {
    if (text !== 'true' && text !== 'false') throw new Error('must be true or false');
    return text === 'true';
  },
  () => ({ type: ['boolean', 'string'], enum: [true, false, 'true', 'false', ''] }),
);

interface Protocols {
  /** Without colon: `nats`. */
  readonly protocols?: readonly string[];
}

/** An absolute URL with one of `protocols`. It may carry a password: never log it. */
export const url: KeyMaker<string, Protocols> = maker(
  () => 'URL',
  ({ protocols }: Protocols) =>
    (text) => {
      requireUrl(text, protocols);
      return text;
    },
);

/** The same for the servers of a cluster, with commas between; `urlsIn` takes them apart. */
export const urls: KeyMaker<string, Protocols> = maker(
  () => 'URLs',
  ({ protocols }: Protocols) =>
    (text) => {
      for (const one of urlsIn(text)) requireUrl(one, protocols);
      return text;
    },
);

/** A comma that no URL follows belongs to a password. */
export const urlsIn = (text: string): readonly string[] => text.split(/,\s*(?=[a-z]+:\/\/)/);

const requireUrl = (text: string, protocols: readonly string[] | undefined): void => {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined) throw new Error('must be a URL');
  if (protocols !== undefined && !protocols.includes(parsed.protocol.slice(0, -1))) {
    throw new Error(`must be a URL that starts with ${protocols.map((name) => `${name}://`).join(' or ')}`);
  }
};

/** The key names a file; the value is its content without white space around it. */
export const secretFile: KeyMaker<string> = maker(
  () => 'path of a file',
  () => (path) => {
    let content: string;
    try {
      content = readFileSync(path, 'utf8').trim();
    } catch {
      throw new Error('must name a file that can be read');
    }
    if (content === '') throw new Error('must name a file that is not empty');
    return content;
  },
);

export function choice<const T extends string>(
  declared: OptionalDeclared<T> & { readonly values: readonly T[] },
): ConfigKey<T | undefined>;
export function choice<const T extends string>(
  declared: Declared<NoInfer<T>> & { readonly values: readonly T[] },
): ConfigKey<T>;
export function choice<T extends string>(
  declared: (Declared<T> | OptionalDeclared<T>) & { readonly values: readonly T[] },
): ConfigKey<T> {
  return maker<T, { readonly values: readonly T[] }>(
    ({ values }) => values.join(', '),
    ({ values }) =>
      (text) => {
        const value = values.find((one) => one === text);
        if (value === undefined) throw new Error(`must be one of ${values.join(', ')}`);
        return value;
      },
    ({ values }) => ({ enum: [...values, ''] }),
  )(declared);
}

export type ConfigSchema = Readonly<Record<string, ConfigKey<unknown>>>;
export type ConfigOf<S extends ConfigSchema> = {
  readonly [K in keyof S]: S[K] extends ConfigKey<infer T> ? T : never;
};

/** Every key that is missing or breaks its rule. The values are left out: they may be secrets. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly faults: readonly { readonly env: string; readonly rule: string }[]) {
    super(
      ['The configuration is not usable:', ...faults.map(({ env, rule }) => `  ${env} ${rule}`)].join('\n'),
    );
  }
}

/** A variable that is set to nothing counts as not set: that is how compose files leave one out. */
export const readConfig = <const S extends ConfigSchema>(
  schema: S,
  env: Readonly<Record<string, string | undefined>>,
): ConfigOf<S> => {
  const faults: { env: string; rule: string }[] = [];
  const config: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(schema)) {
    const text = env[key.env];
    if (text === undefined || text === '') {
      if (key.fallback === undefined && !key.optional) faults.push({ env: key.env, rule: 'must be set' });
      config[name] = key.fallback;
      continue;
    }
    try {
      config[name] = key.parse(text);
    } catch (error) {
      faults.push({ env: key.env, rule: error instanceof Error ? error.message : 'is not valid' });
    }
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return config as ConfigOf<S>; // each entry was parsed by the key of the same name
};

/** The keys as a Markdown table, for an app's README. */
export const configTable = (schema: ConfigSchema): string => {
  const rows = Object.values(schema).map((key) => [
    `\`${key.env}\``,
    key.unit,
    key.fallback === undefined
      ? key.optional
        ? 'not set'
        : '**required**'
      : `\`${JSON.stringify(key.fallback).replaceAll('"', '')}\``,
    key.doc,
  ]);
  return [['key', 'unit', 'default', 'meaning'], ['---', '---', '---', '---'], ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
};
